import { createHash, timingSafeEqual } from 'node:crypto';
import { QuorateError } from '../../errors/interface.ts';
import type { StoredUser, UserList, UserSource } from './user-directory.ts';

/** As whom the nodes of a cluster call each other; no person can have this name. */
export const clusterUserName = '$cluster';

/** A secret that is as hard to guess as a key needs no slow hash. */
const minSecretLength = 32;

/** Adds to the users of `systemdb` the one for nodes of the same cluster, who has the secret of it and may everything. */
export class ClusterUsers implements UserSource {
  readonly #users: UserSource;
  readonly #secretDigest: Buffer | undefined;
  readonly #member: StoredUser | undefined;
  #known: { readonly list: UserList; readonly extended: UserList } | undefined;

  /** @throws QuorateError INVALID_ARGUMENT for a secret that could be guessed */
  constructor(users: UserSource, secret: string | undefined) {
    this.#users = users;
    if (secret === undefined) {
      return;
    }
    if (secret.length < minSecretLength) {
      throw new QuorateError('INVALID_ARGUMENT', `the secret of a cluster has at least ${minSecretLength} characters`, {
        hint: 'Make one with: openssl rand -hex 32',
      });
    }
    this.#secretDigest = digest(secret);
    this.#member = {
      name: clusterUserName,
      passwordHash: '',
      isSysadmin: true,
      isActive: true,
      // Another secret ends the tokens of the one before.
      tokenGeneration: digest(`generation ${secret}`).toString('hex'),
      createdAtMs: 0,
      grants: [],
    };
  }

  current(): UserList {
    const list = this.#users.current();
    if (this.#member === undefined) {
      return list;
    }
    if (this.#known?.list !== list) {
      const users = new Map([...list.users, [clusterUserName, this.#member] as const]);
      this.#known = { list, extended: { ...list, users } };
    }
    return this.#known.extended;
  }

  /** The node that has the secret. */
  match(secret: string): StoredUser | undefined {
    const isRight = this.#secretDigest !== undefined && timingSafeEqual(this.#secretDigest, digest(secret));
    return isRight ? this.#member : undefined;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
