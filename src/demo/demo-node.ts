import { NodeClient } from '../client/interface.ts';
import { isQuorateError, QuorateError } from '../errors/interface.ts';
import type { Timers } from '../runtime/interface.ts';
import { demoHost, demoUser, type NodePlan } from './demo-plan.ts';
import type { ProcessGroup } from './process-group.ts';
import type { ServerProcess } from './server-process.ts';

/** A replica knows no user before it has followed the users of its primary; that takes a moment, not this long. */
const loginTimeoutMs = 20_000;
const loginRetryMs = 100;

/** A server of the demo that runs, with a connection to it. */
export interface DemoNode {
  readonly plan: NodePlan;
  readonly process: ServerProcess;
  readonly client: NodeClient;
}

/** Starts a server and waits until it says that it is ready. @throws QuorateError UNAVAILABLE when it ends instead */
export async function startNode(group: ProcessGroup, plan: NodePlan): Promise<DemoNode> {
  const process = group.start({
    name: plan.name,
    argumentList: ['server', '--json', '--config', plan.configFile],
    logFile: plan.logFile,
  });
  const ready = await process.waitForLine((line) => line.includes('"event":"ready"'));
  if (!ready) {
    throw new QuorateError('UNAVAILABLE', `${plan.name} did not start:\n${process.lastLines.join('\n')}`, {
      hint: `Its options are in ${plan.configFile}.`,
    });
  }
  return { plan, process, client: new NodeClient({ host: demoHost, port: plan.port }) };
}

/** Logs in, again and again until the node knows its users. @throws QuorateError as the last attempt did, CANCELLED */
export async function logIn(node: DemoNode, password: string, timers: Timers, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += loginRetryMs) {
    try {
      await node.client.login(demoUser, password);
      return;
    } catch (error) {
      if (!isQuorateError(error) || !error.retryable || waitedMs >= loginTimeoutMs) {
        throw error;
      }
    }
    await timers.sleep(loginRetryMs, signal);
  }
}
