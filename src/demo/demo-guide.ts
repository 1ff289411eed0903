import { type DemoPlan, demoHost, demoUser, type NodePlan } from './demo-plan.ts';

/** SQL to try on the store; an imported file has tables of its own. */
const storeExamples = {
  read: 'SELECT name, sold, revenue_cents FROM product_revenue ORDER BY revenue_cents DESC LIMIT 5',
  write: 'UPDATE product SET price_cents = price_cents + 100 WHERE id = 1',
};
const importedExamples = {
  read: 'SELECT type, name FROM sqlite_schema ORDER BY type, name LIMIT 20',
  write: 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)',
};

/** What to connect with, printed once before anything runs. */
export function addressGuide(plan: DemoPlan, database: string, pids: ReadonlyMap<string, number>): string {
  const nodes = plan.nodes.map(
    (node) =>
      `  ${node.name.padEnd(10)} gRPC ${demoHost}:${node.port}   HTTP http://${demoHost}:${node.httpPort}   process ${pids.get(node.name) ?? '-'}`,
  );
  return [
    '',
    ...nodes,
    '',
    `  database ${database}, user ${demoUser}, password in ${plan.passwordFile}`,
    `  data and logs in ${plan.directory}`,
  ].join('\n');
}

/** What to try, in another terminal. */
export function tryGuide(
  plan: DemoPlan,
  database: string,
  isStore: boolean,
  pids: ReadonlyMap<string, number>,
): string {
  const { read, write } = isStore ? storeExamples : importedExamples;
  const [first, second] = plan.nodes as [NodePlan, NodePlan];
  const query = (sql: string, node: NodePlan) => `  bin/quorate query ${database} "${sql}" --port ${node.port}`;
  const login = (node: NodePlan) =>
    `  bin/quorate login ${demoUser} --password-file ${plan.passwordFile} --port ${node.port}`;
  return [
    '',
    'Try this in another terminal, in the same folder:',
    login(first),
    login(second),
    '',
    '  # read from a replica',
    query(read, second),
    '  # write at any node, which sends it to the primary',
    query(write, second),
    '  # kill the primary, and see another take its place',
    `  kill -9 ${pids.get(first.name) ?? 'PID'}`,
    '  # who was elected, and why',
    `  bin/quorate explain failover ${database} --port ${second.port}`,
    '  # start it again, and see it catch up',
    `  ${restartCommand(first)}`,
    '  # give it its place back; writes wait for a moment',
    `  bin/quorate switchover ${database} --to ${first.name} --port ${second.port}`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

/** How a person starts a server of the demo again. */
export function restartCommand(node: NodePlan): string {
  return `bin/quorate server --config ${node.configFile}`;
}
