import { defineOptions } from './option.ts';

const second = 1000;

/** Where nodes agree on who is primary. */
export const coordinatorOptions = defineOptions('Coordinator', {
  coordinator: {
    type: 'choice',
    choices: ['none', 'local', 'etcd'],
    default: 'none',
    help: 'Where nodes agree on who is primary: nowhere, in a folder of this machine, or in an etcd cluster.',
  },
  coordinatorDir: {
    type: 'path',
    placeholder: 'DIR',
    help: 'Folder that all nodes of this machine share, on a disk of its own; for --coordinator local. Created when absent.',
  },
  coordinatorTimeoutMs: {
    type: 'duration',
    default: 2 * second,
    min: 100,
    max: 60 * second,
    help: 'How long a request to the coordinator may take, over all its members, until it counts as unavailable.',
  },
  etcdEndpoints: {
    type: 'string',
    placeholder: 'LIST',
    help: 'Client addresses of the etcd members, with commas: http://HOST:PORT, or https://HOST:PORT with TLS.',
  },
  etcdUsername: { type: 'string', help: 'User of etcd, where etcd has authentication turned on.' },
  etcdPassword: { type: 'string', secret: true, help: 'Password of that user.' },
  etcdCa: {
    type: 'path',
    placeholder: 'FILE',
    help: 'Certificates of the authorities that etcd members are trusted by (PEM); by default those of the system.',
  },
  etcdCert: { type: 'path', placeholder: 'FILE', help: 'Certificate to show to etcd (PEM, with its chain).' },
  etcdKey: { type: 'path', placeholder: 'FILE', help: 'Private key of that certificate (PEM).' },
  etcdPrefix: {
    type: 'string',
    default: '/quorate/',
    help: 'What all keys in etcd begin with: one for each set of nodes that share an etcd cluster.',
  },
});
