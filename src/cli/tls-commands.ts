import net from 'node:net';
import path from 'node:path';
import type { Command } from 'commander';
import { defineOptions, type OptionValues } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { type CertificatePair, createAuthority, issueCertificate } from '../tls/interface.ts';
import { outputOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';

const day = 24 * 60 * 60 * 1000;
const maxTtlMs = 100 * 365 * day;

/** Also with a first label that stands for any (RFC 6125, section 6.4.3). */
const hostName = /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/;

/** Under these names a node reaches itself, and commands on its machine reach it. */
const localNames = ['localhost', '127.0.0.1', '::1'];

const commonOptions = defineOptions('Certificates', {
  dir: { type: 'path', placeholder: 'DIR', default: './tls', help: 'Folder of the authority: ca.crt and ca.key.' },
  names: {
    type: 'string',
    placeholder: 'LIST',
    help: 'Host names and IP addresses under which others reach the node, with commas between; localhost is always among them.',
  },
  ttlMs: {
    type: 'duration',
    default: 365 * day,
    min: 60_000,
    max: maxTtlMs,
    help: 'How long the certificate of the node is valid.',
  },
});

const initOptions = {
  ...commonOptions,
  ...defineOptions('Certificates', {
    caTtlMs: {
      type: 'duration',
      default: 3_650 * day,
      min: 60_000,
      max: maxTtlMs,
      help: 'The same for the authority.',
    },
  }),
  ...outputOptions,
} as const;

const joinOptions = {
  ...commonOptions,
  ...defineOptions('Certificates', {
    out: { type: 'path', placeholder: 'DIR', help: 'Folder for ca.crt, node.crt and node.key of the other node.' },
    renew: { type: 'boolean', default: false, help: 'Replace the certificate that is there.' },
  }),
  ...outputOptions,
} as const;

export function addTlsCommands(program: Command, context: CommandContext): void {
  const group = program.command('tls').description('Certificates for a cluster: an authority of its own.');
  addInit(group, context);
  addJoin(group, context);
}

function addInit(group: Command, context: CommandContext): void {
  const command = group.command('init').description('Make an authority, and the certificate of a first node.');
  describe(command, initOptions, ['tls init', 'tls init --dir ./tls --names 10.0.0.5,first.example']).action(
    async () => {
      const { json, caTtlMs, ...values } = context.parse(command, initOptions).values;
      const files = new CertificateFolder(context, values.dir);
      files.requireAbsent(['ca.crt', 'ca.key', 'node.crt', 'node.key']);
      const nowMs = context.runtime.clock.nowMs();
      const authority = await createAuthority({ commonName: 'Quorate cluster authority', nowMs, ttlMs: caTtlMs });
      const node = await nodeCertificate(authority, values, nowMs);
      files.write('ca', authority);
      files.write('node', node);
      report(context, json, files.path, nowMs + values.ttlMs);
    },
  );
}

function addJoin(group: Command, context: CommandContext): void {
  const command = group
    .command('join')
    .description('Make the certificate of another node with the authority in a folder; no server is asked.');
  describe(command, joinOptions, [
    'tls join --dir ./tls --out ./second-tls --names 10.0.0.6',
    'tls join --dir ./tls --out ./tls --names 10.0.0.5 --renew',
  ]).action(async () => {
    const { json, out, renew, ...values } = context.parse(command, joinOptions).values;
    if (out === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', '--out is missing', {
        hint: 'Give the folder for the files of the other node; they are then taken to it.',
      });
    }
    const authority = new CertificateFolder(context, values.dir).readAuthority();
    const files = new CertificateFolder(context, out);
    if (!renew) {
      files.requireAbsent(['node.crt', 'node.key']);
    }
    const nowMs = context.runtime.clock.nowMs();
    const node = await nodeCertificate(authority, values, nowMs);
    files.writeCertificate('ca', authority);
    files.write('node', node);
    report(context, json, files.path, nowMs + values.ttlMs);
  });
}

async function nodeCertificate(
  authority: CertificatePair,
  { names, ttlMs }: Pick<OptionValues<typeof commonOptions>, 'names' | 'ttlMs'>,
  nowMs: number,
): Promise<CertificatePair> {
  const given = (names ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  const wrong = given.find((name) => net.isIP(name) === 0 && !hostName.test(name));
  if (wrong !== undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(wrong)} is no host name and no IP address`, {
      hint: 'Give --names without ports, such as 10.0.0.5,first.example.',
    });
  }
  const all = [...new Set([...given, ...localNames])];
  return await issueCertificate(authority, all, { commonName: given[0] ?? 'localhost', nowMs, ttlMs });
}

function report(context: CommandContext, json: boolean, folder: string, expiresAtMs: number): void {
  const files = ['cert', 'key', 'ca'].map((name) => [
    name,
    path.join(folder, fileNames[name as keyof typeof fileNames]),
  ]);
  const flags = files.map(([name, file]) => `--tls-${name} ${file}`).join(' ');
  const expiresAt = isoTime(expiresAtMs);
  context.print(json, { ...Object.fromEntries(files), expiresAt }, () => {
    return `valid until ${expiresAt}; start the node with: quorate server ${flags}\n`;
  });
}

const fileNames = { cert: 'node.crt', key: 'node.key', ca: 'ca.crt' } as const;

/** PEM files of an authority or of a node; keys are readable by their owner only. */
class CertificateFolder {
  readonly path: string;
  readonly #files: CommandContext['runtime']['files'];

  constructor({ runtime }: CommandContext, folder: string) {
    this.path = path.resolve(folder);
    this.#files = runtime.files;
  }

  /** @throws QuorateError INVALID_ARGUMENT */
  requireAbsent(names: readonly string[]): void {
    const present = names.find((name) => this.#files.existsSync(path.join(this.path, name)));
    if (present !== undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `${path.join(this.path, present)} exists already`, {
        hint: 'Choose another folder. "quorate tls join --renew" replaces the certificate of a node.',
      });
    }
  }

  /** @throws QuorateError INVALID_ARGUMENT */
  readAuthority(): CertificatePair {
    if (!this.#files.existsSync(path.join(this.path, 'ca.key'))) {
      throw new QuorateError('INVALID_ARGUMENT', `${this.path} holds no authority`, {
        hint: 'Give with --dir the folder that "quorate tls init" has made.',
      });
    }
    return { certificate: this.#read('ca.crt'), privateKey: this.#read('ca.key') };
  }

  write(name: string, pair: CertificatePair): void {
    this.writeCertificate(name, pair);
    this.#write(`${name}.key`, pair.privateKey, 0o600);
  }

  writeCertificate(name: string, { certificate }: CertificatePair): void {
    this.#write(`${name}.crt`, certificate, 0o644);
  }

  #read(name: string): string {
    return Buffer.from(this.#files.readFileSync(path.join(this.path, name))).toString();
  }

  #write(name: string, content: string, mode: number): void {
    this.#files.makeDirectorySync(this.path);
    this.#files.writeFileAtomicSync(path.join(this.path, name), Buffer.from(content), mode);
  }
}
