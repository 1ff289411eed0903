import path from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import {
  clusterOptions,
  coordinatorOptions,
  databaseLimitOptions,
  hranaOptions,
  nodeLimitOptions,
  type OptionDeclarations,
  type OptionValues,
  type ParsedOptions,
  replicationLimitOptions,
  securityOptions,
  serverOptions,
  tlsOptions,
  tracingOptions,
} from '../config/interface.ts';
import { asQuorateError } from '../errors/interface.ts';
import { createNodeRuntime, type Runtime } from '../runtime/interface.ts';
import { Server, type ServerOptions, version } from '../server/interface.ts';
import { outputOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { logProcessWarnings } from './process-warnings.ts';
import { createServerLogger } from './server-logger.ts';
import { stopSignal } from './stop-signal.ts';

const options = { ...serverOptions, ...outputOptions } as const;

type Values = OptionValues<typeof options>;

export function addServerCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('server')
    .description('Run a node: its databases, its gRPC and its HTTP endpoint, until SIGTERM or Ctrl-C.');
  describe(command, options, [
    'server --dir ./data',
    'server --dir ./data --admin-password-file ./password.txt --port 3322 --http-port 3380',
    'server --dir ./replica --port 3323 --http-port 3381 --replication-enabled --replication-primary-host 127.0.0.1 --replication-primary-username admin --replication-primary-password-file ./password.txt',
  ]).action(async () => {
    const parsed = context.parse(command, options);
    const { json, logLevel } = parsed.values;
    const runtime = createNodeRuntime(createServerLogger(logLevel, json));
    using _warnings = logProcessWarnings(runtime.logger);
    let server: Server | undefined;
    using stop = stopSignal(() => reloadCertificate(server));
    server = await started(serverOptionsOf(parsed), runtime, stop.signal);
    if (server === undefined) {
      return;
    }
    try {
      announce(context, server, parsed.values);
      await stopped(stop.signal);
    } finally {
      await server[Symbol.asyncDispose]();
    }
    killIfHung(server, runtime);
  });
}

/** What SIGHUP means where there is a certificate; false where there is none. */
function reloadCertificate(server: Server | undefined): boolean {
  const certificate = server?.node.certificate;
  certificate?.reload();
  return certificate !== undefined;
}

/** A process waits at its end for the threads that SQLite or a disk holds, whichever way it ends by itself. */
function killIfHung({ hungWriters }: Server, { logger }: Runtime): void {
  if (hungWriters.length > 0) {
    logger.error({ databases: hungWriters }, 'writers did not come back, and this process ends without them');
    process.kill(process.pid, 'SIGKILL');
  }
}

/** The server when it is ready; undefined when it was told to stop before. */
async function started(
  serverOptions: ServerOptions,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Server | undefined> {
  try {
    return await Server.start(serverOptions, runtime, signal);
  } catch (error) {
    if (signal.aborted && asQuorateError(error).code === 'CANCELLED') {
      return undefined;
    }
    throw error;
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    } else {
      signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}

/** The values of one group of options. */
function pick<D extends OptionDeclarations>(values: Values, group: D): OptionValues<D> {
  const entries = Object.keys(group).map((key) => [key, values[key as keyof Values]]);
  return Object.fromEntries(entries) as OptionValues<D>;
}

function serverOptionsOf({ values, given, report }: ParsedOptions<typeof options>): ServerOptions {
  return {
    directory: values.dir,
    name: values.nodeName,
    host: values.address,
    port: values.port,
    httpPort: values.httpPort,
    adminPassword: values.adminPassword,
    cluster: {
      ...pick(values, clusterOptions),
      ...pick(values, coordinatorOptions),
      allowPlainText: values.allowPlainText,
    },
    security: pick(values, securityOptions),
    tls: pick(values, tlsOptions),
    replication: {
      enabled: values.replicationEnabled,
      host: values.replicationPrimaryHost,
      port: given.has('replicationPrimaryPort') ? values.replicationPrimaryPort : undefined,
      database: values.replicationPrimaryDatabase,
      username: values.replicationPrimaryUsername,
      password: values.replicationPrimaryPassword,
      include: values.replicationInclude,
      exclude: values.replicationExclude,
      discoveryIntervalMs: values.replicationDiscoveryIntervalMs,
    },
    limits: pick(values, nodeLimitOptions),
    hrana: pick(values, hranaOptions),
    tracing: pick(values, tracingOptions),
    databaseLimits: pick(values, databaseLimitOptions),
    replicationLimits: pick(values, replicationLimitOptions),
    settings: report,
  };
}

/** One line when the server is ready; and once in the life of a data folder, the password that it made. */
function announce(context: CommandContext, server: Server, values: Values): void {
  const { grpcAddress: grpc, httpAddress: http, node } = server;
  const directory = path.resolve(values.dir);
  const adminPassword = node.generatedPassword;
  const event = { event: 'ready', version, ...node.identity, grpc, http, directory, adminPassword };
  context.print(values.json, event, () => {
    const password =
      adminPassword === undefined ? '' : `password of the user admin, shown only this once: ${adminPassword}\n`;
    return `${password}quorate ${version} is ready: gRPC ${grpc.host}:${grpc.port}, HTTP ${node.certificate === undefined ? 'http' : 'https'}://${http.host}:${http.port}, data in ${directory}\n`;
  });
}
