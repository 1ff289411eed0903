import { NodeClient } from '../client/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { demoHost, type NodePlan } from './demo-plan.ts';
import type { ProcessGroup } from './process-group.ts';
import type { ServerProcess } from './server-process.ts';

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
