import { clusterOptions } from './cluster-options.ts';
import { coordinatorOptions } from './coordinator-options.ts';
import { hranaOptions } from './hrana-options.ts';
import { databaseLimitOptions, nodeLimitOptions, replicationLimitOptions } from './limit-options.ts';
import { defineOptions } from './option.ts';
import { defaultPort, replicationOptions, wholeServerOptions } from './replication-options.ts';
import { securityOptions } from './security-options.ts';
import { tlsOptions } from './tls-options.ts';
import { tracingOptions } from './tracing-options.ts';

export const nodeOptions = defineOptions('Node', {
  config: { type: 'path', placeholder: 'FILE', help: 'JSON file with options, named as the flags are.' },
  dir: {
    type: 'path',
    placeholder: 'DIR',
    default: './data',
    help: 'Folder of all data of this node; created when absent.',
  },
  nodeName: { type: 'string', help: 'Name of this node for people; by default the name of the machine.' },
  address: { type: 'address', default: '127.0.0.1', help: 'Address to listen on.' },
  port: { type: 'integer', default: defaultPort, max: 65_535, help: 'gRPC port; 0 takes a free one.' },
  httpPort: {
    type: 'integer',
    default: 3380,
    max: 65_535,
    help: 'HTTP port for health, status and metrics; 0 takes a free one.',
  },
  adminPassword: {
    type: 'string',
    secret: true,
    help: 'Password of the user admin, set at the first start; without it one is generated and printed once.',
  },
  logLevel: {
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'Least level of log lines that are written.',
  },
});

/** All options of `quorate server`. */
export const serverOptions = {
  ...nodeOptions,
  ...replicationOptions,
  ...wholeServerOptions,
  ...clusterOptions,
  ...securityOptions,
  ...tlsOptions,
  ...coordinatorOptions,
  ...tracingOptions,
  ...databaseLimitOptions,
  ...nodeLimitOptions,
  ...hranaOptions,
  ...replicationLimitOptions,
} as const;
