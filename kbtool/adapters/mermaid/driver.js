// Judges one diagram by the mermaid that was loaded before. `judge(text)` answers later, in the
// global `verdict`: JSON {"fault": [line from 1, what is wrong]} or {"nodes": [labels]}.
(function (world) {
  "use strict";
  const mermaid = world.mermaid;
  const api = mermaid.mermaidAPI;
  mermaid.initialize({ startOnLoad: false, suppressErrorRendering: true, logLevel: 5 });
  const MOST = api.defaultConfig.maxTextSize;
  const FLOWCHARTS = new Set(["flowchart", "flowchart-v2", "flowchart-elk"]);

  // ---------------------------------------------------------------- lines
  // Mermaid counts lines after it has taken out front matter, directives and comments; two kinds
  // of diagram keep the comments. The same is done here, keeping the line each character stood on.
  // Source: preprocess.ts, regexes.ts and comments.ts of mermaid 12.
  const FRONT_MATTER = /^([^\S\n\r]*)-{3}\s*[\n\r](.*?)[\n\r]\1-{3}\s*[\n\r]+/s;
  const DIRECTIVE = /%{2}{\s*(?:(\w+)\s*:|(\w+))\s*(?:(\w+)|((?:(?!}%{2}).|\r?\n)*))?\s*(?:}%{2})?/gi;
  const COMMENT = /^\s*%%(?!{)[^\n]+\n?/gm;
  const START = /^\s+/;
  const KEEP_COMMENTS = new Set(["agentflow", "eventmodeling"]);

  const quotesOfTags = (text) =>
    text.replace(/<(\w+)([^>]*)>/g, (_, tag, rest) => "<" + tag + rest.replace(/="([^"]*)"/g, "='$1'") + ">");

  function stripped(source, keepComments = false) {
    let text = quotesOfTags(source.replace(/\r\n?/g, "\n"));
    for (const pattern of [FRONT_MATTER, DIRECTIVE]) text = text.replace(pattern, "");
    return keepComments ? text : text.replace(COMMENT, "").replace(START, "");
  }

  /** The source line of each line that `stripped` leaves. */
  function lineMap(source, keepComments = false) {
    let text = quotesOfTags(source.replace(/\r\n?/g, "\n"));
    let lines = new Int32Array(text.length);
    for (let at = 0, line = 1; at < text.length; at++) {
      lines[at] = line;
      if (text[at] === "\n") line++;
    }
    const patterns = [FRONT_MATTER, DIRECTIVE];
    for (const pattern of keepComments ? patterns : [...patterns, COMMENT, START]) {
      const kept = [];
      text = text.replace(pattern, (found, ...rest) => {
        // The offset stands before the whole text, which is last (no pattern has named groups).
        kept.push([rest[rest.length - 2], found.length]);
        return "";
      });
      lines = without(lines, kept);
    }
    const map = [];
    for (let at = 0, fresh = true; at < text.length; at++) {
      if (fresh) map.push(lines[at]);
      fresh = text[at] === "\n";
    }
    return map;
  }

  function without(lines, cuts) {
    const left = new Int32Array(lines.length);
    let from = 0;
    let to = 0;
    for (const [start, length] of cuts) {
      left.set(lines.subarray(from, start), to);
      to += start - from;
      from = start + length;
    }
    left.set(lines.subarray(from), to);
    return left.subarray(0, to + lines.length - from);
  }

  function typeOf(source) {
    try {
      return mermaid.detectType(stripped(source), {});
    } catch {
      return "";
    }
  }

  // ---------------------------------------------------------------- what only drawing finds out
  const DRAWN = {
    gantt: (db) => db.getTasks(),
    journey: (db) => {
      for (const task of db.getTasks()) {
        if (!Number.isFinite(task.score)) throw new Error(`the score of "${task.task}" is no number`);
      }
    },
    sankey: (db) => {
      for (const link of db.getLinks()) {
        if (!Number.isFinite(link.value)) throw new Error("the value of a link is no number");
      }
    },
    xychart: (db) => {
      if (!db.getXYChartData().plots.length) throw new Error("there is neither a line nor a bar");
    },
  };

  class TooLong extends Error {}

  /** The labels of a flowchart's nodes; of other diagrams nothing. Throws what is wrong. */
  async function read(source) {
    if (stripped(source).length > MOST) throw new TooLong();
    const { diagramType: type } = await mermaid.parse(source);
    if (!(type in DRAWN) && !FLOWCHARTS.has(type)) return [];
    const { db } = await api.getDiagramFromText(source);
    DRAWN[type]?.(db);
    return FLOWCHARTS.has(type) ? labels(db) : [];
  }

  function labels(db) {
    const groups = new Set(db.getSubGraphs().map((group) => group.id));
    const nodes = [...db.getVertices().values()].filter((node) => !groups.has(node.id));
    return nodes.map((node) => plain(node.text ?? node.id));
  }

  /** A label without entities (as mermaid encodes them while parsing), tags and icons. */
  function plain(label) {
    return label
      .replace(/\uFB02\xB0\xB0?\w+\xB6\xDF/g, " ")
      .replace(/<[^>]*>/g, " ")
      .replace(/\bfa\w*:fa-[\w-]+/g, " ");
  }

  // ---------------------------------------------------------------- errors
  const SEARCHED = 10000; // characters of a text worth reading again and again to find a line
  const ENDS = /^EOF/;
  const quoted = (text) => {
    const line = text.trim().split(/\s*\n/)[0];
    return `"${line.length > 40 ? line.slice(0, 39) + "…" : line}"`;
  };
  const unexpected = (text) => (text.trim() ? `unexpected ${quoted(text)}` : "unexpected end of line");
  const OPEN = "something is left open or missing here";

  /** [line, what is wrong] of a directive that swallows the rest of the text, else null. */
  function unclosed(source) {
    const open = source.indexOf("%%{", source.lastIndexOf("}%%") + 1);
    if (open < 0) return null;
    return [source.slice(0, open).split("\n").length, "the directive is not closed by }%%"];
  }

  /** [line of the stripped text, or null; what is wrong], of an error as mermaid's parsers make it. */
  function explained(error, source) {
    const message = String((error && error.message) || error || "");
    const hash = error && error.hash;
    const line = Number(/\bon line (\d+)/.exec(message)?.[1]) || null;
    if (error?.name === "UnknownDiagramError") return [1, unknownType(source)];
    if (error instanceof TooLong) {
      const line = stripped(source).slice(0, MOST).split("\n").length;
      return [line, `it has more than ${MOST} characters, the most mermaid draws`];
    }
    if (error instanceof RangeError) return [1, "it is nested too deeply"];
    if (hash?.loc) {
      // At the end of the text the last token tells where the open construct begins.
      if (hash.token === 1 || ENDS.test(hash.token)) return [hash.loc.first_line, OPEN];
      // The token's own line: where it ends, less the lines it spans.
      const token = String(hash.text);
      return [hash.line + 1 - (token.split("\n").length - 1), unexpected(token)];
    }
    if (/^Lexical error/.test(message)) return [line, `unrecognized ${quoted(atCaret(message))}`];
    if (/^Parsing failed/.test(message)) return ofLangium(message, line);
    return [line, message.replace(/\s+/g, " ").trim() || "mermaid gives no reason"];
  }

  function unknownType(source) {
    const word = stripped(source).trim().split(/\s/)[0];
    return word ? `no type of diagram is called ${quoted(word)}` : "there is no diagram in it";
  }

  function atCaret(message) {
    const [, context = "", pointer = ""] = message.split("\n");
    return context.slice(Math.max(0, pointer.length - 1)).trim().split(/\s/)[0];
  }

  function ofLangium(message, line) {
    const first = message.split(/(?:Parse|Lexer) error on line/)[1] ?? message;
    const found = /but found:? ['`](.*?)['`]\.?\s*$|->(.*?)<-/s.exec(first);
    const what = found?.[1] ?? found?.[2] ?? "";
    if (what.trim()) return [line, unexpected(what)];
    return [line ?? Infinity, OPEN];
  }

  /** The first line that makes the text fail like this: for errors that name no line. */
  async function firstLine(source, message) {
    if (source.length > SEARCHED) return 1;
    const lines = source.split("\n");
    let low = 1;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const error = await read(lines.slice(0, middle).join("\n")).then(() => null, (fault) => fault);
      if (error && String(error.message) === message) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async function fault(error, source) {
    if (error?.name === "UnknownDiagramError" && unclosed(source)) return unclosed(source);
    const [line, why] = explained(error, source);
    const reason = why.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").slice(0, 200);
    if (line === null) return [await firstLine(source, String(error.message)), reason];
    const map = lineMap(source, KEEP_COMMENTS.has(typeOf(source)));
    return [map[Math.min(line, map.length) - 1] ?? 1, reason];
  }

  world.verdict = null;
  world.judge = (source) => {
    world.verdict = null;
    read(source)
      .then((nodes) => ({ nodes }), async (error) => ({ fault: await fault(error, source) }))
      .catch((error) => ({ fault: [1, String(error)] }))
      .then((answer) => {
        world.verdict = JSON.stringify(answer);
      });
  };
  world.stripped = stripped;
  world.lineMap = lineMap;
})(globalThis);
