import { findFreePorts } from '../../src/demo/free-port.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import type { TestScope } from '../server-process.ts';

/**
 * Links on which whatever members of a group say to each other is late. Each server listens on a loopback address of its own
 * and tells the others that of a proxy; this process reaches the servers past the proxies. Needs Linux, where all of
 * 127.0.0.0/8 is there.
 */
export class LateLinks {
  readonly #links: ReadonlyMap<string, TcpProxy>;
  readonly #names: readonly string[];

  private constructor(names: readonly string[], links: ReadonlyMap<string, TcpProxy>) {
    this.#names = names;
    this.#links = links;
  }

  static async open(t: TestScope, names: readonly string[]): Promise<LateLinks> {
    const links = new Map<string, TcpProxy>();
    for (const [i, name] of names.entries()) {
      const [port = 0] = await findFreePorts(ownHost(i), [0]);
      const proxy = await TcpProxy.listen({ host: toldHost(i), port, targetHost: ownHost(i), targetPort: port });
      t.after(() => proxy[Symbol.asyncDispose]());
      links.set(name, proxy);
    }
    return new LateLinks(names, links);
  }

  /** Flags of the server of a name. */
  flags(name: string): string[] {
    const i = this.#names.indexOf(name);
    const { port } = this.#link(name);
    return [`--address=${ownHost(i)}`, `--port=${port}`, `--advertise-address=${toldHost(i)}`];
  }

  /** From now on what is said takes so many milliseconds each way, or up to as many more. */
  delay(delayMs: number, jitterMs: number): void {
    for (const link of this.#links.values()) {
      link.set({ delayMs, jitterMs });
    }
  }

  /** Connections that go through the proxies. */
  get connections(): number {
    return [...this.#links.values()].reduce((sum, link) => sum + link.connections, 0);
  }

  #link(name: string): TcpProxy {
    const link = this.#links.get(name);
    if (link === undefined) {
      throw new Error(`there is no link to ${name}`);
    }
    return link;
  }
}

function ownHost(index: number): string {
  return `127.0.1.${index + 1}`;
}

function toldHost(index: number): string {
  return `127.0.2.${index + 1}`;
}
