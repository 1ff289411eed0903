import { defaultPort, defineOptions } from '../config/interface.ts';

/** How a command reaches its server; also accepted before the name of the command. */
export const connectionOptions = defineOptions('Connection', {
  host: { type: 'address', default: '127.0.0.1', help: 'Host of the server.' },
  port: { type: 'integer', default: defaultPort, min: 1, max: 65_535, help: 'gRPC port of the server.' },
  token: { type: 'string', secret: true, help: 'Token of a login; by default the one that "quorate login" has kept.' },
});

export const outputOptions = defineOptions('Output', {
  json: { type: 'boolean', default: false, help: 'Print JSON for programs, errors too.' },
});

/** What every command that talks to a server accepts. */
export const clientOptions = { ...connectionOptions, ...outputOptions } as const;
