import path from 'node:path';
import {
  databaseLimitOptions,
  limitValues,
  nodeLimitOptions,
  type OptionValues,
  replicationLimitOptions,
} from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Logger } from '../runtime/interface.ts';

const limitOptions = { ...databaseLimitOptions, ...nodeLimitOptions, ...replicationLimitOptions } as const;

/** Every limit of a node, named as in docs/options.md but in camelCase, in milliseconds and bytes. */
export type Limits = OptionValues<typeof limitOptions>;

/** The limits that are not to have their default. */
export type GivenLimits = { readonly [K in keyof Limits]?: Limits[K] | undefined };

export interface QuorateOptions {
  /** Folder of all data of the node; created when absent. Only one process at a time can have it open. */
  readonly directory: string;
  /** What people call the node. Default: the name that it has, at first the one of the machine. */
  readonly name?: string | undefined;
  /** Limits that differ from the defaults (docs/options.md). */
  readonly limits?: GivenLimits | undefined;
  /** Where the node writes what happens. Default: nowhere. */
  readonly logger?: Logger | undefined;
  /** Serve the databases over gRPC, so that others can follow and query them. Default: no network. */
  readonly listen?: ListenOptions | undefined;
  /**
   * Password of the user `admin` for those who connect. Given again, it replaces the stored one. Without it, a node that
   * listens for the first time generates one: `generatedPassword`.
   */
  readonly adminPassword?: string | undefined;
  /** Certificates for those who connect and for upstreams. Default: plain text, which does not leave this machine. */
  readonly tls?: TlsOptions | undefined;
}

/** Paths of PEM files; they are read again when they change, as docs/security.md tells. */
export interface TlsOptions {
  /** Certificate of this node, with its chain: with it, the node answers over TLS only. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Authorities that upstreams and clients are trusted by. Default: those of the system. */
  readonly ca?: string | undefined;
  /** Whether whoever connects must show a certificate that `ca` has issued. Default false. */
  readonly clientAuth?: boolean | undefined;
  /** Follow upstreams over TLS. Default: when `cert` or `ca` is given. */
  readonly replication?: boolean | undefined;
  /** Listen, and follow upstreams, beyond this machine without encryption. Default false. */
  readonly allowPlainText?: boolean | undefined;
}

export interface ListenOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. Default 3322. */
  readonly port?: number | undefined;
}

/** What crosses to the thread of the node. */
export interface HostOptions extends Pick<QuorateOptions, 'name' | 'listen' | 'adminPassword' | 'tls'> {
  /** Absolute. */
  readonly directory: string;
  readonly limits: Limits;
}

/** Checks the options and fills in the defaults. @throws QuorateError INVALID_ARGUMENT */
export function hostOptions(options: QuorateOptions): HostOptions {
  const { directory, name, listen, adminPassword, tls } = options;
  if (typeof directory !== 'string' || directory === '') {
    throw new QuorateError('INVALID_ARGUMENT', 'Quorate.open needs a directory', {
      hint: 'Give the folder where the data of this node lives.',
    });
  }
  return {
    directory: path.resolve(directory),
    name,
    listen,
    adminPassword,
    tls,
    limits: limitValues(limitOptions, options.limits ?? {}),
  };
}

/** The options of the library under the names that a node has for them. */
export function tlsSettings({ cert, key, ca, clientAuth, replication, allowPlainText }: TlsOptions = {}) {
  return {
    tlsCert: cert,
    tlsKey: key,
    tlsCa: ca,
    tlsClientAuth: clientAuth === true ? ('grpc' as const) : ('none' as const),
    replicationTls: replication,
    allowPlainText: allowPlainText === true,
  };
}
