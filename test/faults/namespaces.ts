import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { packetFilter } from './packet-filter.ts';

/** What packets that leave a node meet. */
export interface NodeConditions {
  /** Share of packets that are lost, from 0 to 1. */
  readonly loss: number;
  /** Needs netem in the kernel, as does the jitter. */
  readonly delayMs: number;
  readonly jitterMs: number;
}

const undisturbed: NodeConditions = { loss: 0, delayMs: 0, jitterMs: 0 };

/** Beginning of the names of all namespaces made here; the id of the process that made them follows. */
const prefix = 'quorate-test-';

/** In the namespaces, from which nothing leads outside. */
const network = '10.77.0';

/** Nodes of one network. */
const nodeLimit = 200;

interface Node {
  readonly namespace: string;
  readonly address: string;
  /** Interface at the hub. */
  readonly port: string;
  readonly blocked: Set<string>;
  conditions: NodeConditions;
}

let networks = 0;

/**
 * A network of its own for real processes: each node is a network namespace, connected to a bridge in one more. Needs Linux,
 * root and iproute2. All namespaces, and the processes in them, are gone when it is disposed of or this process ends;
 * those of a process that was killed go when the next network is opened.
 */
export class NetworkNamespaces implements Disposable {
  readonly #hub: string;
  readonly #nodes = new Map<string, Node>();
  readonly #close = () => this[Symbol.dispose]();

  private constructor(hub: string) {
    this.#hub = hub;
  }

  /** Why there can be no namespaces here; undefined when there can. */
  static unavailable(): string | undefined {
    if (process.platform !== 'linux') {
      return 'network namespaces need Linux';
    }
    if (spawnSync('ip', ['-V']).status !== 0 || spawnSync('tc', ['-V']).status !== 0) {
      return '`ip` and `tc` are not installed here (apt-get install iproute2)';
    }
    const name = `${prefix}${process.pid}-probe`;
    const probe = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
    if (probe.status !== 0) {
      return `network namespaces are not permitted here: ${probe.stderr.trim()}`;
    }
    run('ip', 'netns', 'delete', name);
    return undefined;
  }

  /** Whether the kernel can delay packets. */
  static canDelay(): boolean {
    const name = `${prefix}${process.pid}-probe`;
    run('ip', 'netns', 'add', name);
    try {
      const added = ['netns', 'exec', name, 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'];
      return spawnSync('ip', added).status === 0;
    } finally {
      run('ip', 'netns', 'delete', name);
    }
  }

  /** Makes a namespace for each node. Throws an Error with what `ip` says when it fails; then nothing is left. */
  static open(names: readonly string[]): NetworkNamespaces {
    if (names.length > nodeLimit) {
      throw new Error(`a network has ${nodeLimit} nodes at most`);
    }
    removeAbandoned();
    networks += 1;
    const made = `${prefix}${process.pid}-${networks}`;
    const opened = new NetworkNamespaces(`${made}-hub`);
    process.once('exit', opened.#close);
    try {
      opened.#openHub();
      for (const [i, name] of names.entries()) {
        opened.#openNode(name, { namespace: `${made}-node-${name}`, port: `port${i}`, address: `${network}.${i + 1}` });
      }
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
    return opened;
  }

  address(name: string): string {
    return this.#node(name).address;
  }

  /** What comes before a command that is to run in the namespace of a node. */
  prefix(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#node(name).namespace];
  }

  /** Starts a program in the namespace of a node. */
  spawn(name: string, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...before] = this.prefix(name);
    return spawn(program, [...before, command, ...args], options);
  }

  /** Changes the conditions of packets that leave a node. Throws an Error when the kernel cannot do it. */
  set(name: string, conditions: Partial<NodeConditions>): void {
    const node = this.#node(name);
    node.conditions = { ...node.conditions, ...conditions };
    this.#applyFilter(node);
    const { delayMs, jitterMs } = node.conditions;
    if (delayMs > 0 || jitterMs > 0) {
      inside(node.namespace, 'tc', ...netem, 'delay', `${delayMs}ms`, `${jitterMs}ms`);
    } else {
      spawnSync('ip', ['netns', 'exec', node.namespace, 'tc', 'qdisc', 'delete', 'dev', 'eth0', 'root']);
    }
  }

  /** Takes a node's cable out. */
  isolate(name: string): void {
    inside(this.#hub, 'ip', 'link', 'set', this.#node(name).port, 'down');
  }

  /** Nothing goes from one node to another; the other direction stays as it is. */
  block(from: string, to: string): void {
    const node = this.#node(from);
    node.blocked.add(this.address(to));
    this.#applyFilter(node);
  }

  /** Nothing goes between the nodes of different groups. */
  partition(...groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      const others = groups.filter((other) => other !== group).flat();
      for (const from of group) {
        for (const to of others) {
          this.block(from, to);
        }
      }
    }
  }

  /** Ends all conditions, blocks and isolations. */
  heal(): void {
    for (const [name, node] of this.#nodes) {
      node.blocked.clear();
      this.set(name, undisturbed);
      inside(this.#hub, 'ip', 'link', 'set', node.port, 'up');
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#close);
    for (const namespace of [...[...this.#nodes.values()].map((node) => node.namespace), this.#hub]) {
      removeNamespace(namespace);
    }
    this.#nodes.clear();
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      throw new Error(`there is no node ${name}`);
    }
    return node;
  }

  #openHub(): void {
    run('ip', 'netns', 'add', this.#hub);
    inside(this.#hub, 'ip', 'link', 'add', 'bridge', 'type', 'bridge');
    inside(this.#hub, 'ip', 'link', 'set', 'bridge', 'up');
  }

  #openNode(name: string, { namespace, port, address }: Pick<Node, 'namespace' | 'port' | 'address'>): void {
    run('ip', 'netns', 'add', namespace);
    this.#nodes.set(name, { namespace, port, address, blocked: new Set(), conditions: undisturbed });
    run('ip', '-netns', this.#hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    inside(this.#hub, 'ip', 'link', 'set', port, 'master', 'bridge', 'up');
    inside(namespace, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    inside(namespace, 'ip', 'link', 'set', 'eth0', 'up');
    inside(namespace, 'ip', 'link', 'set', 'lo', 'up');
    inside(namespace, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
  }

  #applyFilter({ namespace, blocked, conditions: { loss } }: Node): void {
    const bytecode = packetFilter({ blocked: [...blocked], loss });
    inside(namespace, 'tc', 'filter', 'replace', ...filter, 'bytecode', bytecode);
  }
}

const filter = ['dev', 'eth0', 'egress', 'prio', '1', 'handle', '1', 'bpf', 'da'];
const netem = ['qdisc', 'replace', 'dev', 'eth0', 'root', 'netem'];

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${(stderr ?? '').trim() || `ended with ${status}`}`);
  }
  return stdout;
}

function inside(namespace: string, ...command: readonly string[]): void {
  run('ip', 'netns', 'exec', namespace, ...command);
}

/** Ends what runs in a namespace and removes it; does nothing when there is none. */
function removeNamespace(namespace: string): void {
  const { status, stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
  if (status !== 0) {
    return;
  }
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  spawnSync('ip', ['netns', 'delete', namespace]);
}

/** Removes namespaces whose process was killed. */
function removeAbandoned(): void {
  const names = run('ip', 'netns', 'list').split('\n');
  for (const [name = ''] of names.map((line) => line.split(' '))) {
    const owner = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (!Number.isNaN(owner) && !isAlive(owner)) {
      removeNamespace(name);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
