import type { WriteOptions } from '../../src/library/interface.ts';
import type { Primary } from './primary.ts';

/** Writers that each wait for their answer before they write again. Returns transactions per second. */
export async function insertRate(
  primary: Primary,
  writers: number,
  seconds: number,
  options?: WriteOptions,
): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let count = 0;
  const write = async () => {
    while (performance.now() < end) {
      count += 1;
      await primary.insert(count, options);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return count / ((performance.now() - start) / 1000);
}
