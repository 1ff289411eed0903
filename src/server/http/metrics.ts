/** Labels of one sample, in the order in which they are shown. */
export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: string[];
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
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

  #add(name: string, { help, type }: Pick<Family, 'help' | 'type'>, value: number, labels: Labels): void {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { help, type, samples: [] };
      this.#families.set(name, family);
    }
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    family.samples.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
  }

  render(): string {
    const lines: string[] = [];
    for (const [name, { help, type, samples }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    }
    return `${lines.join('\n')}\n`;
  }
}
