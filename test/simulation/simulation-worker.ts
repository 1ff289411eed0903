/** What a SimulationThread runs. */
import { parentPort } from 'node:worker_threads';
import { forgetful, groupMutations } from './groups/group-mutations.ts';
import { GroupSimulation } from './groups/group-simulation.ts';
import { mutations } from './mutations.ts';
import { Simulation } from './simulation.ts';
import type { SimulationOrder } from './simulation-thread.ts';

const simulations = {
  cluster: { run: Simulation.run, mutations },
  group: { run: GroupSimulation.run, mutations: [...groupMutations, forgetful] },
};

parentPort?.on('message', async ({ kind, seed, mutation: name }: SimulationOrder) => {
  const { run, mutations } = simulations[kind];
  const mutation = mutations.find((each) => each.name === name);
  if (name !== undefined && mutation === undefined) {
    throw new Error(`there is no mutation named ${name}`);
  }
  parentPort?.postMessage(await run({ seed, mutation }));
});
