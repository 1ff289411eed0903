import { GroupSimulation } from './group-simulation.ts';
const seed = Number(process.argv[2]); const count = Number(process.argv[3] ?? 1);
for (let s = seed; s < seed + count; s++) {
  const t = process.cpuUsage();
  const r = await GroupSimulation.run({ seed: s, onTraceLine: process.argv[4] ? (l) => console.log(l) : undefined });
  const u = process.cpuUsage(t);
  console.log(s, r.defects.length ? 'FAILED' : 'ok', JSON.stringify(r.counts), r.traceDigest.slice(0, 8), Math.round((u.user + u.system) / 1000), 'ms');
  for (const d of r.defects) console.log('   ', d.slice(0, 400));
}
