import os from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import type { Runtime } from '../runtime/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';

const filePath = v.optional(v.string());

const securitySchema: v.GenericSchema<ConnectionSecurity> = v.variant('kind', [
  v.object({ kind: v.literal('plain'), beyondLoopback: v.boolean() }),
  v.object({ kind: v.literal('tls'), caPath: filePath, certPath: filePath, keyPath: filePath }),
]);

/** A login, and how the connection to that server is secured if its options told that. */
const entrySchema = v.object({
  user: v.string(),
  token: v.string(),
  expiresAtMs: v.number(),
  security: v.optional(securitySchema),
});

const storeSchema = v.record(v.string(), entrySchema);

type Stored = v.InferOutput<typeof storeSchema>;

/** Tokens of logins by the address of their server, in the user's config folder, readable by the user only. */
export class TokenStore {
  readonly #file: string;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, env: Readonly<Record<string, string | undefined>>) {
    const folder = env['XDG_CONFIG_HOME'] || path.join(os.homedir(), '.config');
    this.#file = path.join(folder, 'quorate', 'tokens.json');
    this.#runtime = runtime;
  }

  get path(): string {
    return this.#file;
  }

  find(host: string, port: number): Stored[string] | undefined {
    const entry = this.#read()[`${host}:${port}`];
    return entry !== undefined && entry.expiresAtMs > this.#runtime.clock.nowMs() ? entry : undefined;
  }

  keep(host: string, port: number, entry: Stored[string]): void {
    const entries = { ...this.#read(), [`${host}:${port}`]: entry };
    const alive = Object.entries(entries).filter(([, { expiresAtMs }]) => expiresAtMs > this.#runtime.clock.nowMs());
    this.#runtime.files.makeDirectorySync(path.dirname(this.#file));
    const content = `${JSON.stringify(Object.fromEntries(alive), null, 2)}\n`;
    this.#runtime.files.writeFileAtomicSync(this.#file, Buffer.from(content), 0o600);
  }

  /** A file that cannot be read holds no token; the next login writes it anew. */
  #read(): Stored {
    if (!this.#runtime.files.existsSync(this.#file)) {
      return {};
    }
    try {
      return v.parse(storeSchema, JSON.parse(Buffer.from(this.#runtime.files.readFileSync(this.#file)).toString()));
    } catch {
      return {};
    }
  }
}
