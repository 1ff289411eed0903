import { asQuorateError } from '../errors/interface.ts';
import { connect } from '../following-client/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import {
  createDatabase,
  databaseNameOf,
  formGroup,
  hasDatabase,
  loadStore,
  storeSeed,
  storeSize,
} from './demo-data.ts';
import { addressGuide, restartCommand, tryGuide } from './demo-guide.ts';
import { type DemoNode, startNode } from './demo-node.ts';
import { type DemoPlan, demoHost, demoUser, makePlan } from './demo-plan.ts';
import type { LiveDisplay } from './live-display.ts';
import { NodeMonitor } from './node-monitor.ts';
import { renderNodeTable } from './node-table.ts';
import { runOrderStream } from './order-stream.ts';
import { ProcessGroup } from './process-group.ts';
import type { ProcessEnd, ServerProcess } from './server-process.ts';

/** How often the table is drawn: in place on a terminal, as new lines elsewhere. */
const liveRefreshMs = 500;
const plainRefreshMs = 5_000;

export interface DemoOptions {
  readonly directory: string;
  /** A SQLite file to use instead of the store. */
  readonly importFile: string | undefined;
  readonly port: number;
  readonly httpPort: number;
  readonly ordersPerSecond: number;
  readonly runtime: Runtime;
  readonly display: LiveDisplay;
}

/** The whole demo: three servers, a database that all of them have, orders, and the table that shows them. */
export class Demo implements AsyncDisposable {
  readonly #options: DemoOptions;
  readonly #group: ProcessGroup;
  readonly #database: string;
  readonly #password: string;
  readonly #secret: string;
  #plan: DemoPlan | undefined;
  #nodes: readonly DemoNode[] = [];
  #progress = '';

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#database = databaseNameOf(options.importFile);
    const { random } = options.runtime;
    this.#password = Buffer.from(random.bytes(12)).toString('base64url');
    this.#secret = Buffer.from(random.bytes(32)).toString('base64url');
    this.#group = new ProcessGroup((member, end) => this.#reportEnd(member, end));
  }

  /** Runs until the signal aborts. @throws QuorateError when something cannot be started or loaded */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#start(signal);
      const stopTable = new AbortController();
      const table = this.#showTable(AbortSignal.any([signal, stopTable.signal]));
      try {
        await this.#work(signal);
      } finally {
        stopTable.abort();
        await table;
      }
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#group.members.length > 0) {
      this.#options.display.print('Stopping …');
    }
    for (const node of this.#nodes) {
      node.client[Symbol.dispose]();
    }
    await this.#group[Symbol.asyncDispose]();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { runtime, display, directory, port, httpPort } = this.#options;
    const secrets = { password: this.#password, secret: this.#secret };
    const plan = await makePlan(runtime.files, { directory, ...secrets, port, httpPort });
    this.#plan = plan;
    display.print('Starting three nodes …');
    for (const node of plan.nodes) {
      signal.throwIfAborted();
      this.#nodes = [...this.#nodes, await startNode(this.#group, node)];
    }
    for (const node of this.#nodes) {
      await node.client.login(demoUser, this.#password);
    }
    display.print(addressGuide(plan, this.#database, this.#pids()));
  }

  /** Makes the database, fills it and keeps orders coming; ends with the signal. */
  async #work(signal: AbortSignal): Promise<void> {
    const nodes = this.#nodes as readonly [DemoNode, ...DemoNode[]];
    const [first] = nodes;
    const plan = this.#plan as DemoPlan;
    const { importFile, display, runtime } = this.#options;
    const isNew = !(await hasDatabase(first, this.#database));
    if (isNew) {
      this.#progress = importFile === undefined ? 'creating the store' : `importing ${importFile}`;
      await createDatabase(first, this.#database, importFile);
      this.#progress = 'making a group of it';
      await formGroup(nodes, this.#database, runtime.timers, signal);
    }
    if (isNew && importFile === undefined) {
      await loadStore(first, signal, (done) => {
        this.#progress = `loading the store: ${done} transactions`;
      });
    }
    this.#progress = '';
    display.print(tryGuide(plan, this.#database, importFile === undefined, this.#pids()));
    await (importFile === undefined ? this.#keepOrdersComing(plan, signal) : untilAborted(signal));
  }

  /** Through a client that follows the primary, whoever that is. */
  async #keepOrdersComing({ nodes }: DemoPlan, signal: AbortSignal): Promise<void> {
    const { runtime, ordersPerSecond, display } = this.#options;
    const client = await connect({
      nodes: nodes.map(({ httpPort }) => `http://${demoHost}:${httpPort}`),
      database: this.#database,
      user: demoUser,
      password: this.#password,
    });
    signal.addEventListener('abort', () => void client.close(), { once: true });
    this.#progress = `${ordersPerSecond} orders per second`;
    await runOrderStream(
      {
        seed: storeSeed,
        size: storeSize,
        ordersPerSecond,
        runtime,
        execute: (statements) => client.batch(statements),
        onTrouble: (error) => display.print(`an order failed: ${asQuorateError(error).message}`),
      },
      signal,
    );
  }

  async #showTable(signal: AbortSignal): Promise<void> {
    const { display, runtime } = this.#options;
    const monitors = this.#nodes.map((node) => this.#monitorOf(node));
    while (!signal.aborted) {
      const rows = await Promise.all(monitors.map((monitor) => monitor.poll()));
      if (signal.aborted) {
        return;
      }
      const footer = this.#progress === '' ? [] : [this.#progress.slice(0, display.width)];
      display.show([...renderNodeTable(rows, display.width), ...footer]);
      await runtime.timers.sleep(display.isLive ? liveRefreshMs : plainRefreshMs, signal).catch(() => {});
    }
  }

  #monitorOf(node: DemoNode): NodeMonitor {
    return new NodeMonitor({
      node: node.plan.name,
      database: this.#database,
      source: node.client,
      user: demoUser,
      password: this.#password,
      clock: this.#options.runtime.clock,
    });
  }

  #pids(): ReadonlyMap<string, number> {
    return new Map(this.#nodes.map((node) => [node.plan.name, node.process.pid ?? 0]));
  }

  #reportEnd(member: ServerProcess, end: ProcessEnd): void {
    const node = this.#nodes.find((candidate) => candidate.process === member);
    if (node === undefined) {
      return;
    }
    const how = end.signal === null ? `ended with exit code ${end.code}` : `was ended by ${end.signal}`;
    const log = end.signal === null ? `\n${member.lastLines.slice(-5).join('\n')}` : '';
    this.#options.display.print(`${member.name} ${how}; start it again with: ${restartCommand(node.plan)}${log}`);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
