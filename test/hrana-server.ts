import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { adminPassword, ServerProcess } from './server-process.ts';

/** The two ways by which clients reach a server. */
export const transports = ['http', 'ws'] as const;

export type Transport = (typeof transports)[number];

/** A server that clients connect to, for all tests of a file. */
export class HranaServer {
  readonly server: ServerProcess;
  readonly token: string;

  constructor(server: ServerProcess, token: string) {
    this.server = server;
    this.token = token;
  }

  /** What a client calls its URL. */
  url(transport: Transport, database = 'defaultdb'): string {
    return `${this.server.httpUrl.replace('http', transport)}/${database}/`;
  }
}

/** Starts a server that ends with the tests of the file; to be called at its top level. */
export async function startHranaServer(...args: string[]): Promise<HranaServer> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-hrana-'));
  const server = await ServerProcess.start({ directory, args });
  after(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });
  return new HranaServer(server, await loginToken(server));
}

/** A token as `quorate login` gets it. */
export async function loginToken(server: ServerProcess): Promise<string> {
  const { token } = await (await server.client()).login('admin', adminPassword);
  return token;
}

/** Makes an empty database and returns its name. */
export async function createDatabase(hrana: HranaServer, database: string): Promise<string> {
  const admin = await hrana.server.client();
  await admin.createDatabase({ database, role: '', replication: undefined, acks: undefined });
  return database;
}
