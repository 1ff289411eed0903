import process from 'node:process';
import type { Command } from 'commander';
import { NodeClient } from '../client/interface.ts';
import {
  addFlags,
  type OptionDeclarations,
  type OptionValues,
  type ParsedOptions,
  parseOptions,
  readFlags,
} from '../config/interface.ts';
import { createNodeRuntime, type Runtime } from '../runtime/interface.ts';
import { clientOptions, type SecurityValues, securityOf } from './client-options.ts';
import { type Streams, toJson } from './output.ts';
import { TokenStore } from './token-store.ts';

type ClientValues = OptionValues<typeof clientOptions>;

/** What the commands share: where they write and what they are built on. */
export class CommandContext {
  readonly streams: Streams;
  readonly runtime: Runtime;
  readonly env: Readonly<Record<string, string | undefined>>;

  constructor(streams: Streams) {
    this.streams = streams;
    this.runtime = createNodeRuntime();
    this.env = process.env;
  }

  /** Values of the options of a command; those that all commands have may stand before its name. */
  parse<const D extends OptionDeclarations>(command: Command, declarations: D): ParsedOptions<D> {
    const root = rootOf(command);
    const flags = new Map([...readFlags(root, clientOptions), ...readFlags(command, declarations)]);
    return parseOptions(declarations, { flags, env: this.env, files: this.runtime.files });
  }

  get tokens(): TokenStore {
    return new TokenStore(this.runtime, this.env);
  }

  /** A connection with the token that was given or kept; without one the server says what to do. */
  connect({ host, port, token, ...values }: Omit<ClientValues, 'json'>): NodeClient {
    const kept = this.tokens.find(host, port);
    return new NodeClient({
      host,
      port,
      token: token ?? kept?.token,
      clock: this.runtime.clock,
      security: securityOf(values) ?? kept?.security,
    });
  }

  /** A connection to another server as a user; without a password with the token that was kept for it. */
  async connectAs(
    address: { readonly host: string; readonly port: number },
    values: SecurityValues,
    user: string,
    password: string | undefined,
  ): Promise<NodeClient> {
    const { host, port } = address;
    if (password === undefined) {
      return this.connect({ ...values, host, port, token: undefined });
    }
    const security = securityOf(values) ?? this.tokens.find(host, port)?.security;
    const client = new NodeClient({ host, port, clock: this.runtime.clock, security });
    try {
      await client.login(user, password);
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
  }

  /** Prints one JSON line or, for people, the text. */
  print(json: boolean, value: unknown, text: () => string): void {
    this.streams.out(json ? `${toJson(value)}\n` : text());
  }
}

function rootOf(command: Command): Command {
  let root = command;
  while (root.parent !== null) {
    root = root.parent;
  }
  return root;
}

/** Adds the flags of a command and what follows its options in `--help`. */
export function describe(command: Command, declarations: OptionDeclarations, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ quorate ${example}`);
  return addFlags(command, declarations).addHelpText('after', `\nExamples:\n${lines.join('\n')}\n`);
}

/** For a flag that may be repeated. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
