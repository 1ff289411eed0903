import path from 'node:path';
import type { FileSystem } from '../runtime/interface.ts';
import { findFreePorts } from './free-port.ts';

export const demoHost = '127.0.0.1';
export const demoUser = 'admin';

const nodeNames = ['primary', 'replica-1', 'replica-2'] as const;

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
  readonly primary: NodePlan;
  readonly replicas: readonly NodePlan[];
}

export interface PlanOptions {
  readonly directory: string;
  readonly password: string;
  /** Of the primary; the replicas prefer the next ones. */
  readonly port: number;
  readonly httpPort: number;
}

/** Chooses ports and writes the password and the options of every server into the folder of the demo. */
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
  const [primary, ...replicas] = nodes as [NodePlan, ...NodePlan[]];
  const plan = { directory, passwordFile: path.join(directory, 'password'), primary, replicas };
  files.makeDirectorySync(directory);
  files.writeFileAtomicSync(plan.passwordFile, Buffer.from(`${options.password}\n`));
  for (const node of nodes) {
    files.writeFileAtomicSync(node.configFile, Buffer.from(`${JSON.stringify(configOf(plan, node), null, 2)}\n`));
  }
  return plan;
}

function configOf(plan: DemoPlan, node: NodePlan): Record<string, unknown> {
  const common = {
    dir: path.join(plan.directory, node.name),
    'node-name': node.name,
    address: demoHost,
    port: node.port,
    'http-port': node.httpPort,
  };
  if (node === plan.primary) {
    return { ...common, 'admin-password-file': plan.passwordFile };
  }
  return {
    ...common,
    'replication-enabled': true,
    'replication-primary-host': demoHost,
    'replication-primary-port': plan.primary.port,
    'replication-primary-username': demoUser,
    'replication-primary-password-file': plan.passwordFile,
  };
}
