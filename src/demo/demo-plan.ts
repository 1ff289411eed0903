import path from 'node:path';
import type { FileSystem } from '../runtime/interface.ts';
import { findFreePorts } from './free-port.ts';

export const demoHost = '127.0.0.1';
export const demoUser = 'admin';

/** Permissions of files with secrets. */
const ownerOnly = 0o600;

const nodeNames = ['node-1', 'node-2', 'node-3'] as const;

/** One server of the demo. Its options are in a file, so that people can start it again with one short command. */
export interface NodePlan {
  readonly name: string;
  readonly port: number;
  readonly httpPort: number;
  readonly configFile: string;
  readonly logFile: string;
}

export interface DemoPlan {
  readonly directory: string;
  readonly passwordFile: string;
  readonly secretFile: string;
  /** The first of them has the database first. */
  readonly nodes: readonly NodePlan[];
}

export interface PlanOptions {
  readonly directory: string;
  /** Of the administrator. */
  readonly password: string;
  /** By which the nodes know each other. */
  readonly secret: string;
  /** Of the first node; the others prefer the next ones. */
  readonly port: number;
  readonly httpPort: number;
}

/** Chooses ports and writes the secrets and the options of every server into the folder of the demo. */
export async function makePlan(files: FileSystem, options: PlanOptions): Promise<DemoPlan> {
  const { directory } = options;
  const preferred = [options.port, options.httpPort].flatMap((first) => nodeNames.map((_, index) => first + index));
  const ports = await findFreePorts(demoHost, preferred);
  const nodes = nodeNames.map((name, index) => ({
    name,
    port: ports[index] ?? 0,
    httpPort: ports[index + nodeNames.length] ?? 0,
    configFile: path.join(directory, `${name}.json`),
    logFile: path.join(directory, `${name}.log`),
  }));
  const inFolder = (name: string) => path.join(directory, name);
  const plan = { directory, passwordFile: inFolder('password'), secretFile: inFolder('secret'), nodes };
  files.makeDirectorySync(directory);
  files.writeFileAtomicSync(plan.passwordFile, Buffer.from(`${options.password}\n`), ownerOnly);
  files.writeFileAtomicSync(plan.secretFile, Buffer.from(`${options.secret}\n`), ownerOnly);
  for (const node of nodes) {
    files.writeFileAtomicSync(node.configFile, Buffer.from(`${JSON.stringify(configOf(plan, node), null, 2)}\n`));
  }
  return plan;
}

function configOf(plan: DemoPlan, node: NodePlan): Record<string, unknown> {
  return {
    dir: path.join(plan.directory, node.name),
    'node-name': node.name,
    address: demoHost,
    port: node.port,
    'http-port': node.httpPort,
    'admin-password-file': plan.passwordFile,
    coordinator: 'local',
    'coordinator-dir': path.join(plan.directory, 'coordinator'),
    'cluster-secret-file': plan.secretFile,
  };
}
