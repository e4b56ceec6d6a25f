// Written by tools/answer_types.py from the OpenAPI document: what the endpoints of the studio answer.

/** The answer of each endpoint, by its path. */
export interface Answers {
  "/api/codebook": CodebookInfo;
  "/api/comparison": ComparisonData;
  "/api/comparison/images": ComparisonImages;
  "/api/plane": LatentMap;
  "/api/plane/values": MapValues;
  "/api/interpolate": DecodedLatents;
  "/api/attribute": AttributeDirection;
  "/api/traverse": Traversal;
  "/api/model": ModelInfo;
  "/api/encode": Encoded;
  "/api/decode": Examples;
  "/api/reconstruct": Examples;
  "/api/rows": ExampleRows;
  "/api/score": Scores;
  "/api/openapi.json": Record<string, any>;
  "/api/own": OwnImageAnswer;
  "/api/actions": ActionList;
  "/api/run/action": ActionState;
  "/api/run/action/cancel": ActionState;
  "/api/run/log": Record<string, string>;
  "/api/runs": RunList;
  "/api/run": RunDetails;
  "/api/curves": Record<string, Record<string, Record<string, (number | null)[]>>>;
  "/api/run/rename": Record<string, any>;
  "/api/run/note": Record<string, any>;
  "/api/run/about": Record<string, any>;
  "/api/run/delete": Record<string, string>;
  "/api/trash": Record<string, Record<string, any>[]>;
  "/api/trash/restore": Record<string, string>;
  "/api/trash/delete": Record<string, number>;
  "/api/sample": DecodedLatents;
  "/api/code": SnippetTexts;
  "/api/recipes": TrainForms;
  "/api/train": JobState;
  "/api/train/command": TrainCommand;
  "/api/train/values": TrainValues;
  "/api/train/state": JobState;
  "/api/train/cancel": JobState;
  "/api/pause": JobState;
  "/api/stop": JobState;
  "/api/resume": JobState;
}

/** The codebook of a model, and how it is used. */
export interface CodebookInfo {
  /** entries that make one latent; 0 for a model without a codebook */
  positions: number;
  /** the entries by joint index, (codes, dim); none if over 4,096 */
  codes: any[];
  /** number of codes that a position chooses from */
  size: number;
  /** a latent, flattened: of the example nearest to the mean; else of codes 0 */
  typical: any[] | null;
  /** how many examples choose each entry at each position, (positions, codes); null without data */
  counts: any[] | null;
  /** number of examples */
  examples: number;
  /** the split that they are of */
  split: string | null;
}

/** A comparison: what can be compared with what, and the metrics of groups that differ in their seeds alone. */
export interface ComparisonData {
  /** what is compared */
  sentence: string;
  /** the split whose metrics are compared */
  split: string;
  /** letter and summary of each evaluation protocol */
  protocols: Record<string, string>[];
  /** what cannot be compared, and why */
  incomparable: string[];
  notes: string[];
  /** names of the settings in which the groups differ */
  settings: string[];
  sort: string;
  /** name, protocol, color and settings of each group */
  groups: Record<string, any>[];
  /** each run with the number of its group */
  runs: Record<string, any>[];
  /** tables of the groups and of the runs: heads and rows of cells */
  tables: Record<string, any>;
  /** runs that do not count, and why */
  excluded: Record<string, string>[];
  /** settings that all runs share */
  shared: [string, string][];
  /** the split and the terms of the curves */
  curves: Record<string, any>;
}

/** Images of the models of a comparison. */
export interface ComparisonImages {
  /** reconstructions of the same examples, and samples, as HTML */
  html: string;
  /** data of the charts in it */
  charts: Record<string, any>[];
}

/** Points (n, 2) with their labels, indices and latents, and the affine map from the plane back to z. */
export interface LatentMap {
  /** the view, with its dimensions */
  view: string;
  split: string;
  n: number;
  /** (n, 2); (n, 3) of pca3 */
  points: number[][];
  /** classes, or null */
  labels: number[] | null;
  /** names of the classes */
  names: string[] | null;
  /** indices in the split */
  index: number[];
  /** labels of the axes x, y and, of pca3, z */
  axes: Record<string, string>;
  /** z = centre + px x + py y (+ pz z of pca3); null where the view is not linear */
  map: Record<string, number[]> | null;
  /** latents, (n, dims), base64 of little-endian float32; null where they are too many */
  codes: string | null;
  /** dimensions of z */
  dims: number;
  /** of latents and their distances */
  unit: string;
  prior: MapPrior;
  /** what makes this map say little, such as collapsed axes; empty for nothing */
  note: string;
  /** what points may be colored by, besides the labels */
  colors: ColorChoice[];
}

/** What a map shows of the prior. */
export interface MapPrior {
  /** of the standard normal, whose rings are at 1 and 2; null for others */
  center: number[] | null;
  /** points of draws from a learned prior */
  draws: number[][] | null;
  /** what is shown, or why nothing is */
  words: string;
}

/** What points may be colored by. */
export interface ColorChoice {
  /** as /api/plane/values takes it */
  name: string;
  title: string;
}

/** A number for each point of a map, in the same order. */
export interface MapValues {
  /** (n,) */
  values: any[];
  /** what they are */
  title: string;
  /** nats, or empty for none */
  unit: string;
  /** how they were estimated */
  about: string;
}

/** Latents and their examples, in an answer. */
export interface DecodedLatents {
  /** (n, latent) */
  z: any[];
  /** images as data URLs */
  pngs?: string[];
  /** examples of any other kind */
  x?: any[];
  /** rows of a table besides as cells, in the order of the columns */
  cells?: CellInfo[][];
  /** what the examples are */
  caption?: string;
}

/** A cell of a row. */
export interface CellInfo {
  /** in the unit of the column; null if it is empty */
  text: string | null;
  /** of a number, its place between the smallest, 0, and the largest, 1 */
  at?: number;
  /** of a category, the probability of each under p(x|z) */
  p?: number[];
}

/** The direction of an attribute or class in latent space. */
export interface AttributeDirection {
  name: string;
  /** (latent,) */
  vector: number[];
  /** number of examples with it */
  examples_with: number;
  /** number of all examples */
  of: number;
}

/** A latent with one dimension moved at a time, decoded. */
export interface Traversal {
  dims: number[];
  offsets: any[];
  /** for each dimension, pngs or x for each offset */
  rows: TraversalRow[];
}

/** The examples of one dimension. */
export interface TraversalRow {
  /** images as data URLs */
  pngs?: string[];
  /** examples of any other kind */
  x?: any[];
  /** rows of a table besides as cells, in the order of the columns */
  cells?: CellInfo[][];
}

/** The description of a model, with the statistics of its latents. */
export interface ModelInfo {
  /** of an example */
  shape: number[];
  /** of z */
  latent_shape: number[];
  /** the number of dimensions of z */
  latent: number;
  /** whether examples are images */
  picture: boolean;
  /** whether one can be drawn: light strokes on a dark ground */
  drawable: boolean;
  /** how examples are shown: images, table (rows of cells) or curves */
  kind: "curves" | "images" | "table";
  /** the columns of examples that are rows */
  columns: ColumnInfo[] | null;
  /** the latents, the lowest first; z is the last */
  hierarchy: LatentInfo[];
  /** which weights it has */
  weights: WeightsInfo;
  /** the names of the samplers that are fitted to it */
  samplers: string[];
  /** what latents can be drawn from: prior and samplers; the run's own choice first */
  densities: string[];
  /** those of them whose draws a temperature scales */
  scalable: string[];
  /** the condition's kind, names and size; null for an unconditional model */
  conditional: ConditionSpec | null;
  /** whether it has a prior to sample from */
  prior: boolean;
  /** whether latents are codes of a quantizer */
  quantised: boolean;
  /** the number of examples of each split */
  splits: Record<string, number | null>;
  /** names of the classes */
  labels: string[] | null;
  /** names of the attributes */
  attributes: string[] | null;
  /** whether the data is available */
  examples: boolean;
  /** why the data is not available; null if it is */
  why: string | null;
  /** changes with the weights */
  version: string;
  /** KL of each dimension of z, nats; null where it is undefined, or there is no data */
  kl: number[] | null;
  /** the dimensions, the most informative first */
  active: number[];
  /** standard deviation of z */
  spread: number[];
  /** mean of z */
  centre: number[];
  /** what these are statistics of */
  latents: string;
}

/** A column of examples that are rows. */
export interface ColumnInfo {
  name: string;
  /** number, category or date */
  kind: string;
  /** names of the categories; empty for numbers and dates */
  categories: string[];
  /** the smallest value in the source, as text; null if unknown */
  low: string | null;
  /** the largest */
  high: string | null;
}

/** One latent of a model. */
export interface LatentInfo {
  name: string;
  shape: number[];
  /** KL of each dimension, nats; null where it is undefined */
  kl: number[] | null;
}

/** Which weights a model has: the last, the best by a validation metric, or a moving average; of which step. */
export interface WeightsInfo {
  kind: string;
  step: number;
  epoch: number | null;
  words: string;
}

/** The condition of a conditional model: kind ``classes`` or ``attributes``, their names and number. */
export interface ConditionSpec {
  kind: string;
  names: string[];
  size: number;
}

/** The posterior of examples. */
export interface Encoded {
  /** means, (n, latent) */
  z: any[];
  /** standard deviations, or null where the posterior is a point */
  std: any[] | null;
  /** of a hierarchy, the latents below by name, as decode takes them, (n, …) each */
  lower?: Record<string, any[]>;
}

/** Examples as numbers, in an answer. */
export interface Examples {
  /** (n, *shape) */
  x: any[];
  /** of x */
  shape: number[];
}

/** Examples of the data as numbers, and those of a table as cells. */
export interface ExampleRows {
  /** (n, *shape), as the model takes them */
  x: any[];
  /** rows of a table besides as cells, in the order of the columns */
  cells?: CellInfo[][];
}

/** Scores of examples. */
export interface Scores {
  /** by name, one for each example */
  scores: Record<string, any[]>;
  /** a description of each score */
  about: Record<string, string>;
  unit?: string;
}

/** What a model makes of an image. */
export interface OwnImageAnswer {
  /** the image as the model sees it, a data URL */
  x: string;
  /** a data URL */
  reconstruction: string;
  /** the mean of q(z|x) */
  z: any[];
  /** nats */
  elbo: number | null;
  /** anomaly score and its percentile among held-out examples */
  score: Record<string, any>;
  /** training examples, the nearest first */
  neighbours: Record<string, any>[];
  /** why the data is not available */
  why?: string;
}

/** The actions that there are. */
export interface ActionList {
  /** name, label, what it does, and its options */
  actions: Record<string, any>[];
}

/** The state of an action on a run. */
export interface ActionState {
  name: string;
  option: string;
  /** running, done, failed or canceled */
  state: string;
  started: string | null;
  ended: string | null;
  /** why it failed */
  message: string;
  /** URL of the file it wrote, if there is one to open */
  result: string | null;
}

/** The runs of a folder. */
export interface RunList {
  folder: string;
  /** summaries, live runs first, then the newest */
  runs: Record<string, any>[];
}

/** Everything about one run except its curves. */
export interface RunDetails {
  summary: Record<string, any>;
  /** its recipe.json; null where it is damaged */
  record: Record<string, any> | null;
  /** findings of the doctor */
  findings: Record<string, any>[];
  /** snapshots of the latents during training */
  looks: Record<string, any>[];
  /** URLs of its images, by kind */
  images: Record<string, Record<string, any>[]>;
  /** URL of its report */
  report: string | null;
  /** its settings for a reader: label, value, whether it is the default */
  configuration: Record<string, any>[];
}

/** A request as text. */
export interface SnippetTexts {
  /** command line; null where the command line cannot do it */
  command: string | null;
  /** program */
  python: string;
}

/** The fields of the training form. */
export interface TrainForms {
  /** recipes with the form fields of their arguments */
  recipes: Record<string, any>[];
  /** form fields of the training's settings */
  settings: Record<string, any>[];
  /** what can be trained on, with shape and sizes */
  data: Record<string, any>[];
  /** the recipe and data to begin with */
  default: Record<string, string>;
}

/** The state of a training. */
export interface JobState {
  /** its path in the runs folder */
  run: string;
  /** training, starting, canceled, paused or stopped */
  state: string;
}

/** The command line of a training. */
export interface TrainCommand {
  /** ready to be pasted into a shell where the studio was started */
  command: string;
}

/** The values of the form that train a run again. */
export interface TrainValues {
  recipe: string;
  /** of the recipe, by name */
  arguments: Record<string, any>;
  /** of the training, and its data */
  settings: Record<string, any>;
  /** what no field can say, in sentences */
  caveats: string[];
}
