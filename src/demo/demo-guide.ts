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
  const nodes = [plan.primary, ...plan.replicas].map(
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
  const [replica] = plan.replicas as [NodePlan];
  const query = (sql: string, node: NodePlan) => `  bin/quorate query ${database} "${sql}" --port ${node.port}`;
  const login = (node: NodePlan) =>
    `  bin/quorate login ${demoUser} --password-file ${plan.passwordFile} --port ${node.port}`;
  return [
    '',
    'Try this in another terminal, in the same folder:',
    login(plan.primary),
    login(replica),
    '',
    '  # read from a replica',
    query(read, replica),
    '  # write to the primary',
    query(write, plan.primary),
    '  # a replica refuses to write, and names its primary',
    query(write, replica),
    '  # kill a replica, and see it catch up when it is started again',
    `  kill -9 ${pids.get(replica.name) ?? 'PID'}`,
    `  ${restartCommand(replica)}`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

/** How a person starts a server of the demo again. */
export function restartCommand(node: NodePlan): string {
  return `bin/quorate server --config ${node.configFile}`;
}
