import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { SigningKey } from './json-web-token.ts';

/** Keys of a node that are kept at once; one more needs an old one to end. */
const maxKeys = 16;

/** The public half of a key. */
export interface PublishedKey {
  /** Thumbprint of the public key (RFC 7638). */
  readonly id: string;
  /** 32 bytes in base64url, as `x` of a JSON Web Key (RFC 8037). */
  readonly publicKey: string;
  readonly createdAtMs: number;
  /** Milliseconds since 1970 from which on its tokens are refused; null for a key in use. */
  readonly validUntilMs: number | null;
}

const fileSchema = v.object({
  /** PKCS #8, DER, base64: of the key in use. */
  privateKey: v.string(),
  keys: v.pipe(
    v.array(
      v.object({
        id: v.string(),
        publicKey: v.string(),
        createdAtMs: v.number(),
        validUntilMs: v.nullable(v.number()),
      }),
    ),
    v.minLength(1),
  ),
});

/**
 * The keys with which a node signs tokens. The private one is in a file that only its owner can read, and never leaves the
 * node: a replica of `systemdb` gets public keys, which verify and sign nothing.
 */
export class TokenKeys {
  readonly #path: string;
  readonly #runtime: Runtime;
  #privateKey: KeyObject;
  /** The newest last. */
  #keys: readonly PublishedKey[];
  #publicKeys: ReadonlyMap<string, KeyObject>;

  private constructor(path: string, runtime: Runtime, privateKey: KeyObject, keys: readonly PublishedKey[]) {
    this.#path = path;
    this.#runtime = runtime;
    this.#privateKey = privateKey;
    this.#keys = keys;
    this.#publicKeys = publicKeys(keys);
  }

  /** Reads the key file, or makes one. Deleting it ends the tokens that only this node knows. @throws QuorateError INVALID_ARGUMENT */
  static open(path: string, runtime: Runtime): TokenKeys {
    if (runtime.files.existsSync(path)) {
      const { privateKey, keys } = readKeyFile(path, runtime);
      return new TokenKeys(path, runtime, privateKey, keys);
    }
    const { privateKey, key } = newKey(runtime.clock.nowMs());
    const made = new TokenKeys(path, runtime, privateKey, [key]);
    made.#save();
    return made;
  }

  /** The key that signs. */
  get signing(): SigningKey {
    return { id: (this.#keys.at(-1) as PublishedKey).id, privateKey: this.#privateKey };
  }

  /** Those whose tokens are valid. */
  get valid(): readonly PublishedKey[] {
    const nowMs = this.#runtime.clock.nowMs();
    return this.#keys.filter(({ validUntilMs }) => validUntilMs === null || validUntilMs > nowMs);
  }

  /** A key whose tokens are valid. */
  publicKey(id: string): KeyObject | undefined {
    const key = this.#keys.find((one) => one.id === id);
    const isValid = key !== undefined && (key.validUntilMs ?? Infinity) > this.#runtime.clock.nowMs();
    return isValid ? this.#publicKeys.get(id) : undefined;
  }

  /**
   * Signs with a new key from now on.
   * @param graceMs how long the tokens of earlier keys stay valid
   * @throws QuorateError OVERLOADED when too many earlier keys are valid still
   */
  rotate(graceMs: number): void {
    const nowMs = this.#runtime.clock.nowMs();
    const retired = this.valid
      .map((key) => ({ ...key, validUntilMs: Math.min(key.validUntilMs ?? Infinity, nowMs + graceMs) }))
      .filter(({ validUntilMs }) => validUntilMs > nowMs);
    if (retired.length >= maxKeys) {
      throw new QuorateError('OVERLOADED', `${retired.length} earlier keys are still valid, as many as may be`, {
        hint: 'End the tokens of earlier keys: quorate token rotate-keys --revoke-old',
      });
    }
    const { privateKey, key } = newKey(nowMs);
    this.#privateKey = privateKey;
    this.#keys = [...retired, key];
    this.#publicKeys = publicKeys(this.#keys);
    this.#save();
  }

  #save(): void {
    const privateKey = this.#privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const content = `${JSON.stringify({ privateKey, keys: this.#keys }, null, 2)}\n`;
    this.#runtime.files.writeFileAtomicSync(this.#path, Buffer.from(content), 0o600);
  }
}

function readKeyFile(path: string, { files }: Runtime): { privateKey: KeyObject; keys: readonly PublishedKey[] } {
  try {
    const { privateKey, keys } = v.parse(fileSchema, JSON.parse(Buffer.from(files.readFileSync(path)).toString()));
    const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
    return { privateKey: key, keys };
  } catch (cause) {
    throw new QuorateError('INVALID_ARGUMENT', `${path} does not hold the keys that Quorate wrote`, {
      cause,
      hint: 'Restore it, or delete it: a new key is made then.',
    });
  }
}

function newKey(nowMs: number): { privateKey: KeyObject; key: PublishedKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return { privateKey, key: { id: thumbprint(x), publicKey: x, createdAtMs: nowMs, validUntilMs: null } };
}

function publicKeys(keys: readonly PublishedKey[]): Map<string, KeyObject> {
  return new Map(keys.map((key) => [key.id, publicKeyOf(key)]));
}

function thumbprint(x: string): string {
  const members = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  return createHash('sha256').update(members).digest('base64url');
}

/** The key object of a published key. @throws when the text is none */
export function publicKeyOf({ publicKey }: Pick<PublishedKey, 'publicKey'>): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}
