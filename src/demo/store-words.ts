type Words = readonly [string, ...string[]];

// biome-ignore format: many short words
export const givenNames: Words = [
  'Ada', 'Amir', 'Ana', 'Arjun', 'Astrid', 'Ben', 'Carla', 'Chen', 'Daniel', 'Dilara', 'Elif', 'Emma', 'Farid', 'Femi',
  'Grace', 'Hana', 'Hugo', 'Ines', 'Ivan', 'Jonas', 'José', 'Kaja', 'Kofi', 'Laila', 'Lars', 'Léa', 'Linh', 'Luca',
  'Maja', 'Marta', 'Mei', 'Mohamed', 'Nadia', 'Noah', 'Olga', 'Omar', 'Paula', 'Priya', 'Rosa', 'Sakura', 'Samuel',
  'Sofía', 'Søren', 'Tariq', 'Tomás', 'Ursula', 'Viktor', 'Wanjiru', 'Yusuf', 'Zoë',
];

// biome-ignore format: many short words
export const familyNames: Words = [
  'Abebe', 'Almeida', 'Andersen', 'Bauer', 'Bianchi', 'Chowdhury', 'Costa', 'Diallo', 'Dubois', 'Eriksson', 'Fischer',
  'García', 'Haddad', 'Hansen', 'Ito', 'Jansen', 'Kaya', 'Kim', 'Kowalski', 'Lambert', 'Lindqvist', 'López', 'Mensah',
  'Müller', 'Nakamura', "O'Brien", 'Okafor', 'Papadopoulos', 'Patel', 'Petrov', 'Rossi', 'Sato', 'Schneider', 'Silva',
  'Singh', 'Svensson', 'Tanaka', 'Tran', 'Van Dijk', 'Wang', 'Weber', 'Yılmaz', 'Zhang', 'Žukauskas',
];

// biome-ignore format: many short words
export const places: readonly [readonly [string, string], ...(readonly [string, string])[]] = [
  ['Accra', 'GH'], ['Amsterdam', 'NL'], ['Ankara', 'TR'], ['Athens', 'GR'], ['Berlin', 'DE'], ['Bogotá', 'CO'],
  ['Copenhagen', 'DK'], ['Dakar', 'SN'], ['Dublin', 'IE'], ['Hamburg', 'DE'], ['Hanoi', 'VN'], ['Helsinki', 'FI'],
  ['Istanbul', 'TR'], ['Kraków', 'PL'], ['Kyoto', 'JP'], ['Lagos', 'NG'], ['Lisbon', 'PT'], ['Lyon', 'FR'],
  ['Madrid', 'ES'], ['Milan', 'IT'], ['Montréal', 'CA'], ['Mumbai', 'IN'], ['Nairobi', 'KE'], ['Oslo', 'NO'],
  ['Porto', 'PT'], ['Prague', 'CZ'], ['Riga', 'LV'], ['Rome', 'IT'], ['São Paulo', 'BR'], ['Seoul', 'KR'],
  ['Seville', 'ES'], ['Stockholm', 'SE'], ['Tokyo', 'JP'], ['Vienna', 'AT'], ['Vilnius', 'LT'], ['Zürich', 'CH'],
];

// biome-ignore format: many short words
export const materials: Words = [
  'aluminium', 'bamboo', 'brass', 'canvas', 'ceramic', 'cork', 'cotton', 'enamel', 'glass', 'hemp', 'leather', 'linen',
  'oak', 'porcelain', 'slate', 'steel', 'stoneware', 'walnut', 'wool',
];

// biome-ignore format: many short words
export const qualities: Words = [
  'compact', 'foldable', 'handmade', 'insulated', 'large', 'lightweight', 'modular', 'portable', 'quiet', 'recycled',
  'robust', 'simple', 'slim', 'small', 'stackable', 'tall', 'waterproof',
];

/** What is sold, by category. */
export const goods: readonly [Category, ...Category[]] = [
  { category: 'Kitchen', nouns: ['bowl', 'bread box', 'kettle', 'knife block', 'pan', 'pepper mill', 'teapot'] },
  { category: 'Garden', nouns: ['bench', 'bird house', 'flower pot', 'hose reel', 'lantern', 'watering can'] },
  { category: 'Office', nouns: ['desk lamp', 'document tray', 'notebook', 'pen holder', 'shelf', 'wall clock'] },
  { category: 'Travel', nouns: ['backpack', 'bottle', 'cooking set', 'hammock', 'lunch box', 'umbrella'] },
  { category: 'Living', nouns: ['blanket', 'candle holder', 'cushion', 'picture frame', 'side table', 'vase'] },
  { category: 'Workshop', nouns: ['folding rule', 'hammer', 'tool box', 'vise', 'work light', 'workbench'] },
];

export interface Category {
  readonly category: string;
  readonly nouns: Words;
}

export const praise: Words = [
  'Made to last a decade and to be repaired after that.',
  'Cleans with a damp cloth.',
  'Ships flat and goes together without tools.',
  'Every piece looks a little different.',
  'Comes with a spare set of screws.',
  'Packed without plastic.',
  'A favourite of our own workshop.',
  'Fits where others do not.',
];
