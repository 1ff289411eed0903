/** Why one transaction comes before another; as bits, so that a search can be limited to some of them. */
export const edge = { ww: 1, wr: 2, rw: 4, process: 8, realtime: 16 } as const;
export type EdgeName = keyof typeof edge;

/** All that comes before without an anti-dependency. */
const forward = edge.ww | edge.wr;

export interface Edge {
  readonly to: number;
  readonly name: EdgeName;
  /** What it rests on, for a person. */
  readonly why: string;
}

/** A cycle as the edges along it; the last one leads back to `from`. */
export interface Cycle {
  readonly anomaly: string;
  readonly from: number;
  readonly edges: readonly Edge[];
}

/** Searches begin at so many nodes or edges of a component at most. */
const startLimit = 200;

/** Transactions by number, and what orders them. */
export class DependencyGraph {
  readonly #edges: Edge[][];

  constructor(size: number) {
    this.#edges = Array.from({ length: size }, () => []);
  }

  add(from: number, to: number, name: EdgeName, why: string): void {
    if (from !== to) {
      this.#edges[from]?.push({ to, name, why });
    }
  }

  /**
   * A shortest cycle of each kind that there is: by data alone, and only where there is none with the order of processes, and
   * then with real time.
   */
  cycles(): Cycle[] {
    for (const [suffix, order] of orders) {
      const found = kinds.flatMap(([anomaly, mask, antiDependencies]) => {
        const cycle = this.#cycleOf(mask | order, antiDependencies);
        // Without a read it is the first kind again.
        const isRepeated = anomaly === 'G1c' && cycle?.edges.every(({ name }) => name !== 'wr');
        return cycle === undefined || isRepeated ? [] : [{ anomaly: `${anomaly}${suffix}`, ...cycle }];
      });
      if (found.length > 0) {
        return found;
      }
    }
    return [];
  }

  #cycleOf(mask: number, antiDependencies: 'none' | 'one' | 'many'): Omit<Cycle, 'anomaly'> | undefined {
    const whole = antiDependencies === 'none' ? mask : mask | edge.rw;
    let shortest: Omit<Cycle, 'anomaly'> | undefined;
    for (const component of this.#components(whole)) {
      const cycle =
        antiDependencies === 'none'
          ? this.#shortest(component, mask)
          : this.#withAnti(component, mask, antiDependencies);
      if (cycle !== undefined && cycle.edges.length < (shortest?.edges.length ?? Number.POSITIVE_INFINITY)) {
        shortest = cycle;
      }
    }
    return shortest;
  }

  #shortest(component: ReadonlySet<number>, mask: number): Omit<Cycle, 'anomaly'> | undefined {
    const starts = [...component].slice(0, startLimit);
    return shortestOf(starts.map((from) => ({ from, edges: this.#path(from, from, mask, component) })));
  }

  /** Cycles through an anti-dependency: with `one` the way back has no other, with `many` it has. */
  #withAnti(component: ReadonlySet<number>, mask: number, count: 'one' | 'many'): Omit<Cycle, 'anomaly'> | undefined {
    const back = count === 'one' ? mask : mask | edge.rw;
    const starts = [...component].flatMap((from) =>
      (this.#edges[from] ?? [])
        .filter(({ to, name }) => name === 'rw' && component.has(to))
        .map((first) => ({ from, first })),
    );
    const found = starts.slice(0, startLimit).map(({ from, first }) => {
      const path = this.#path(first.to, from, back, component);
      return { from, edges: path && [first, ...path] };
    });
    // With only one anti-dependency it is the other anomaly, which has its own search.
    return shortestOf(found.filter(({ edges }) => count === 'one' || (edges ?? []).filter(isAnti).length > 1));
  }

  /** The fewest edges from one node to another, at least one; breadth first. */
  #path(from: number, to: number, mask: number, within: ReadonlySet<number>): Edge[] | undefined {
    const cameBy = new Map<number, { readonly previous: number; readonly by: Edge }>();
    const waiting = [from];
    for (let i = 0; i < waiting.length && !cameBy.has(to); i += 1) {
      const node = waiting[i] as number;
      for (const next of this.#edges[node] ?? []) {
        if ((edge[next.name] & mask) !== 0 && within.has(next.to) && !cameBy.has(next.to)) {
          cameBy.set(next.to, { previous: node, by: next });
          waiting.push(next.to);
        }
      }
    }
    const path: Edge[] = [];
    for (let step = cameBy.get(to); step !== undefined; step = cameBy.get(step.previous)) {
      path.unshift(step.by);
      if (step.previous === from) {
        return path;
      }
    }
    return undefined;
  }

  /** Strongly connected components of more than one node, after Tarjan, without recursion. */
  #components(mask: number): Set<number>[] {
    const found: Set<number>[] = [];
    const order = new Int32Array(this.#edges.length).fill(-1);
    const low = new Int32Array(this.#edges.length);
    const isOpen = new Uint8Array(this.#edges.length);
    const open: number[] = [];
    let count = 0;
    const enter = (node: number) => {
      order[node] = count;
      low[node] = count;
      count += 1;
      isOpen[node] = 1;
      open.push(node);
      return { node, next: 0 };
    };
    for (let root = 0; root < this.#edges.length; root += 1) {
      const calls = order[root] === -1 ? [enter(root)] : [];
      for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
        const { node } = call;
        const next = this.#edges[node]?.[call.next];
        call.next += 1;
        if (next === undefined) {
          calls.pop();
          const parent = calls.at(-1)?.node;
          if (parent !== undefined) {
            low[parent] = Math.min(low[parent] as number, low[node] as number);
          }
          if (low[node] === order[node]) {
            const component = new Set(open.splice(open.lastIndexOf(node)));
            for (const member of component) {
              isOpen[member] = 0;
            }
            if (component.size > 1) {
              found.push(component);
            }
          }
        } else if ((edge[next.name] & mask) !== 0) {
          if (order[next.to] === -1) {
            calls.push(enter(next.to));
          } else if (isOpen[next.to] === 1) {
            low[node] = Math.min(low[node] as number, order[next.to] as number);
          }
        }
      }
    }
    return found;
  }
}

const orders = [
  ['', 0],
  ['-process', edge.process],
  ['-realtime', edge.process | edge.realtime],
] as const;

const kinds = [
  ['G0', edge.ww, 'none'],
  ['G1c', forward, 'none'],
  ['G-single', forward, 'one'],
  ['G2', forward, 'many'],
] as const;

function isAnti({ name }: Edge): boolean {
  return name === 'rw';
}

function shortestOf(
  cycles: readonly { readonly from: number; readonly edges: readonly Edge[] | undefined }[],
): Omit<Cycle, 'anomaly'> | undefined {
  let shortest: Omit<Cycle, 'anomaly'> | undefined;
  for (const { from, edges } of cycles) {
    if (edges !== undefined && edges.length < (shortest?.edges.length ?? Number.POSITIVE_INFINITY)) {
      shortest = { from, edges };
    }
  }
  return shortest;
}
