/** Clients that each wait for their answer before they ask again, until it is over. Returns answers per second. */
export async function closedLoop(
  clients: number,
  isOver: () => boolean,
  ask: (index: number) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  let count = 0;
  const client = async () => {
    while (!isOver()) {
      count += 1;
      await ask(count);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return count / ((performance.now() - start) / 1000);
}

/** The same for some seconds. @param ask is given 1, 2, 3 … */
export function closedLoopRate(
  clients: number,
  seconds: number,
  ask: (index: number) => Promise<unknown>,
): Promise<number> {
  const endMs = performance.now() + seconds * 1000;
  return closedLoop(clients, () => performance.now() >= endMs, ask);
}
