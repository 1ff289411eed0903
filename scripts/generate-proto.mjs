// Generates src/proto/generated from proto/. With --check it only says whether the generated code is current.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'src/proto/generated');
const bin = join(root, 'node_modules/.bin');

/** SQL integers need all 64 bits; positions, times and counts stay below 2^53 and read better as numbers. */
const longTypes = [
  { path: 'proto/quorate/v1/query.proto', forceLong: 'bigint' },
  { path: 'proto/quorate/v1/admin.proto', forceLong: 'number' },
  { path: 'proto/quorate/v1/replication.proto', forceLong: 'number' },
  { path: 'proto/quorate/v1/verification.proto', forceLong: 'number' },
  { path: 'proto/quorate/v1/users.proto', forceLong: 'number' },
  { path: 'proto/quorate/v1/cluster.proto', forceLong: 'number' },
  // Ids of leases are random numbers of 63 bits.
  { path: 'proto/etcd/etcd.proto', forceLong: 'bigint' },
];

function generate(output) {
  for (const { path, forceLong } of longTypes) {
    const options = `env=node,esModuleInterop=true,importSuffix=.ts,oneof=unions-value,outputServices=grpc-js,forceLong=${forceLong},outputJsonMethods=false,outputPartialMethods=false,exportCommonSymbols=false,useOptionals=messages`;
    const template = JSON.stringify({
      version: 'v2',
      plugins: [{ local: 'protoc-gen-ts_proto', out: output, opt: options }],
    });
    execFileSync('buf', ['generate', 'proto', '--template', template, '--path', path], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
    });
  }
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'quorate-proto-'));
  try {
    generate(fresh);
    const files = ['quorate/v1', 'etcd'].flatMap((folder) =>
      readdirSync(join(fresh, folder)).map((name) => join(folder, name)),
    );
    const stale = files.filter(
      (file) => readFileSync(join(fresh, file), 'utf8') !== readFileSync(join(target, file), 'utf8'),
    );
    if (stale.length > 0) {
      console.error(`generated code is not current: ${stale.join(', ')}; run "npm run generate:proto"`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
} else {
  generate(target);
}
