import type { HistogramCounts } from '../../runtime/interface.ts';

/** Labels of one sample, in the order in which they are shown. */
export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly help: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly samples: string[];
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

/**
 * Collects samples and renders them in the text format of Prometheus.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export class MetricsText {
  readonly #families = new Map<string, Family>();

  gauge(name: string, help: string, value: number, labels: Labels = {}): void {
    this.#add(name, { help, type: 'gauge' }, value, labels);
  }

  /** A value that only grows while the process lives; its name must end in `_total`. */
  counter(name: string, help: string, value: number, labels: Labels = {}): void {
    this.#add(name, { help, type: 'counter' }, value, labels);
  }

  /** The unit of what is observed must end its name. */
  histogram(name: string, help: string, { bounds, cumulative, sum }: HistogramCounts, labels: Labels = {}): void {
    const family = this.#family(name, { help, type: 'histogram' });
    for (const [i, count] of cumulative.entries()) {
      family.samples.push(sample(`${name}_bucket`, { ...labels, le: `${bounds[i] ?? '+Inf'}` }, count));
    }
    family.samples.push(sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, cumulative.at(-1) ?? 0));
  }

  #add(name: string, about: Pick<Family, 'help' | 'type'>, value: number, labels: Labels): void {
    this.#family(name, about).samples.push(sample(name, labels, value));
  }

  #family(name: string, { help, type }: Pick<Family, 'help' | 'type'>): Family {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { help, type, samples: [] };
      this.#families.set(name, family);
    }
    return family;
  }

  render(): string {
    const lines: string[] = [];
    for (const [name, { help, type, samples }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    }
    return `${lines.join('\n')}\n`;
  }
}
