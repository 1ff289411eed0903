import { scrypt, timingSafeEqual } from 'node:crypto';

/**
 * Cost of new hashes: 32 MiB and some 60 ms each (OWASP Password Storage Cheat Sheet, scrypt). Argon2 of node:crypto needs
 * an OpenSSL that not every Node which Quorate runs on was built with.
 */
const cost = { log2N: 15, r: 8, p: 1 };

/** Hashes read from a database are not trusted with more memory than this, in bytes. */
const maxMemoryBytes = 256 * 1024 * 1024;

/** Characters of the longest password: hashing a longer one would take the time of many. */
export const maxPasswordLength = 1_024;

const saltBytes = 16;
const keyBytes = 32;

interface Cost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

function derive(password: string, salt: Uint8Array, { log2N, r, p }: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // NFKC, so that a password typed on another keyboard is the same one.
    scrypt(password.normalize('NFKC'), salt, keyBytes, { N: 2 ** log2N, r, p, maxmem: maxMemoryBytes }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** The form in which a password is stored: `scrypt$log2N$r$p$salt$key`, the last two in base64. */
export async function hashPassword(password: string, randomBytes: (size: number) => Uint8Array): Promise<string> {
  const salt = Buffer.from(randomBytes(saltBytes));
  const key = await derive(password, salt, cost);
  return ['scrypt', cost.log2N, cost.r, cost.p, salt.toString('base64'), key.toString('base64')].join('$');
}

/** Whether the password is the one that was hashed; takes the same time whichever characters differ. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [scheme, log2N, r, p, salt = '', key = ''] = stored.split('$');
  if (scheme !== 'scrypt' || password.length > maxPasswordLength) {
    return false;
  }
  const expected = Buffer.from(key, 'base64');
  const found = await derive(password, Buffer.from(salt, 'base64'), {
    log2N: Number(log2N),
    r: Number(r),
    p: Number(p),
  });
  return expected.length === found.length && timingSafeEqual(expected, found);
}
