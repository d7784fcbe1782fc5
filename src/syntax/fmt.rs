//! The text again, laid out.
//!
//! In: any text. Out: the same tokens with normalised white space. Invariants: no token is changed (a comment loses the
//! blanks at its end) and none moves to another line, because a new line can mean something; laying out twice gives
//! what laying out once gives. Absent on purpose: the syntax tree, so that a file with mistakes is laid out too.

use super::parse::{body, is_keyword};
use super::token::{self, CLAUSES, DECLARATIONS, RESERVED, Tok, Token};

/// What a level of nesting is worth.
const INDENT: &str = "  ";

/// Text of more levels cannot be parsed anyway; without a bound its indentation would outgrow it, and so would the
/// search for a bracket's partner.
const MAX_LEVELS: usize = 160;

/// Clause words with which a clause may end: what follows them is not their operand.
const LAST_WORDS: &[&str] = &[
    "births",
    "capped",
    "clamp",
    "deaths",
    "extrapolate",
    "first",
    "hold",
    "initially",
    "linear",
    "lumps",
    "run",
    "runs",
    "signed",
    "skip",
    "step",
];

/// Lays out a text.
pub fn format(text: &str) -> String {
    let all = token::lex(text, 0);
    let code = Code::new(text, all.iter().copied().filter(|t| !matches!(t.tok, Tok::Comment(_))).collect());
    let lines = Layout::new(&code).lines(text, &all);
    print(&lines)
}

/// The tokens without comments, and what each of them is in its place.
struct Code<'s> {
    text: &'s str,
    tokens: Vec<Token<'s>>,
    /// Whether an operand ends with the token, so that a minus behind it is a difference.
    ends: Vec<bool>,
    /// Whether the token is a clause word that means its clause.
    clause: Vec<bool>,
}

impl<'s> Code<'s> {
    fn new(text: &'s str, tokens: Vec<Token<'s>>) -> Self {
        let (mut ends, mut clause) = (Vec::with_capacity(tokens.len()), Vec::with_capacity(tokens.len()));
        for (i, token) in tokens.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|b| Some((tokens.get(b)?.tok, *ends.get(b)?)));
            let (end, is_clause) = match token.tok {
                Tok::Word(word) => role(word, before, is_keyword(&tokens, i)),
                Tok::Quoted(_) | Tok::Number(_) | Tok::LeadingPoint(_) | Tok::Leg(_) => (true, false),
                Tok::Str(_) | Tok::Date(_) => (true, false),
                Tok::Close | Tok::CloseSquare | Tok::CloseBrace => (true, false),
                _ => (false, false),
            };
            ends.push(end);
            clause.push(is_clause);
        }
        Self { text, tokens, ends, clause }
    }

    fn tok(&self, i: usize) -> Option<Tok<'s>> {
        self.tokens.get(i).map(|t| t.tok)
    }

    /// A token as written, without the blanks that one without an end drags along.
    fn written(&self, token: &Token) -> &'s str {
        written(self.text, token)
    }

    /// Whether an operand ends before the token at `i`.
    fn after_operand(&self, i: usize) -> bool {
        i.checked_sub(1).is_some_and(|b| self.ends[b])
    }

    /// A ratio such as `BOSON/month` stays tight where the author wrote it so.
    fn is_tight(&self, i: usize) -> bool {
        let (Some(before), Some(next)) = (i.checked_sub(1).map(|b| self.tokens[b]), self.tokens.get(i + 1)) else {
            return false;
        };
        let here = self.tokens[i].span;
        let operand = matches!(
            next.tok,
            Tok::Word(_) | Tok::Quoted(_) | Tok::Number(_) | Tok::Str(_) | Tok::Date(_) | Tok::Open | Tok::Minus
        );
        operand && self.ends[i - 1] && before.span.end == here.start && here.end == next.span.start
    }

    /// Whether a blank goes between the token at `i` and the one before it on its line.
    fn blank_before(&self, i: usize) -> bool {
        let (a, b) = (self.tokens[i - 1], self.tokens[i]);
        let blank = match (a.tok, b.tok) {
            (Tok::OpenBrace, Tok::CloseBrace) => false,
            (_, Tok::Comma | Tok::Semicolon | Tok::Colon) => false,
            (Tok::Open | Tok::OpenSquare, _) | (_, Tok::Close | Tok::CloseSquare) => false,
            (Tok::OpenBrace, _) | (_, Tok::CloseBrace) => true,
            (Tok::Dot | Tok::Caret, _) | (_, Tok::Dot | Tok::Caret | Tok::Leg(_)) => false,
            (Tok::Star | Tok::Slash, _) => !self.is_tight(i - 1),
            (_, Tok::Star | Tok::Slash) => !self.is_tight(i),
            (Tok::Plus | Tok::Minus, _) => self.after_operand(i - 1),
            (Tok::Word(_) | Tok::Quoted(_), Tok::Open) => !self.ends[i - 1] || self.clause[i - 1],
            (Tok::Word(_), Tok::OpenSquare) => !self.ends[i - 1] && !self.clause[i - 1],
            (_, Tok::OpenSquare) => !self.ends[i - 1],
            _ => true,
        };
        blank || self.would_merge(&a, &b)
    }

    /// Whether two tokens written without a blank would be read as others: `- >`, `. .`, `5 .`.
    fn would_merge(&self, a: &Token, b: &Token) -> bool {
        let apart = |tok| matches!(tok, Tok::Open | Tok::Close | Tok::OpenSquare | Tok::CloseSquare | Tok::Comma);
        if apart(a.tok) || apart(b.tok) {
            return false;
        }
        let (a, b) = (self.written(a), self.written(b));
        let both = format!("{a}{b}");
        let read = token::lex(&both, 0);
        read.len() != 2 || read[0].span.end as usize != a.len()
    }
}

/// Whether an operand ends with a word, and whether it is a clause word that means its clause. It does so behind a
/// complete operand only, where no name can stand; everything else that calls for one is listed.
fn role(word: &str, before: Option<(Tok, bool)>, keyword: bool) -> (bool, bool) {
    let (previous, after_operand) = before.map_or((None, false), |(tok, end)| (Some(tok), end));
    if previous == Some(Tok::Dot) {
        return (true, false);
    }
    let begins = match word {
        "every" => previous == Some(Tok::Word("record")),
        "when" => previous == Some(Tok::Word("once")),
        "to" => previous == Some(Tok::Word("up")),
        "most" => previous == Some(Tok::Word("at")),
        "maximize" | "minimize" => matches!(previous, Some(Tok::Word("goal") | Tok::Colon)),
        "runs" | "seed" | "sample" => matches!(previous, Some(Tok::OpenBrace | Tok::Semicolon)),
        _ => false,
    };
    if begins {
        return (false, true);
    }
    if CLAUSES.contains(&word) && after_operand {
        return (LAST_WORDS.contains(&word), true);
    }
    let value = matches!(word, "cloud" | "true" | "false");
    let reserved = RESERVED.contains(&word) || (word != "time" && DECLARATIONS.contains(&word));
    (value || !(keyword || reserved), false)
}

/// A token as written. A comment, text or name that only the end of the line ends has the blanks before that end in it.
fn written<'s>(text: &'s str, token: &Token) -> &'s str {
    let slice = &text[token.span.start as usize..token.span.end as usize];
    match token.tok {
        Tok::Comment(_) | Tok::OpenStr(_) | Tok::OpenQuoted(_) => slice.trim_end_matches([' ', '\t', '\r', '\u{feff}']),
        _ => slice,
    }
}

/// What opened a bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Round,
    Square,
    /// The braces of a table, policy, array and the like: each line is an entry.
    Brace,
    /// The braces of `phase` and `entity`: declarations stand in them.
    Block,
}

/// An open bracket.
struct Bracket {
    kind: Kind,
    id: usize,
    /// Levels of the line on which it closes; what it holds has one more.
    base: usize,
}

/// A line as it will be printed.
struct Line<'s> {
    /// An empty line goes before it.
    apart: bool,
    indent: usize,
    /// Its code; for a row of a table one for each cell.
    cells: Vec<String>,
    /// The braces of its table, if it is a row of one.
    table: Option<usize>,
    comment: Option<&'s str>,
}

/// Goes through the lines and knows which brackets are open.
struct Layout<'c, 's> {
    code: &'c Code<'s>,
    open: Vec<Bracket>,
    ids: usize,
    /// A declaration has begun, so a line without keyword goes on with it.
    in_decl: bool,
    /// The brace that will open the body of a `phase` or `entity`.
    block: Option<usize>,
}

impl<'c, 's> Layout<'c, 's> {
    fn new(code: &'c Code<'s>) -> Self {
        Self { code, open: Vec::new(), ids: 0, in_decl: false, block: None }
    }

    fn lines(mut self, text: &'s str, all: &[Token<'s>]) -> Vec<Line<'s>> {
        let mut lines: Vec<Line> = Vec::new();
        let mut next = 0;
        let mut end = 0;
        // Comments that wait for the line below them, whose level they share.
        let mut waiting = 0;
        for tokens in all.chunk_by(|_, b| !b.bol) {
            let gap = &text[end..tokens[0].span.start as usize];
            let apart = !lines.is_empty() && gap.matches('\n').count() > 1;
            end = tokens.last().map_or(end, |t| t.span.end as usize);
            let comment = tokens.last().filter(|t| matches!(t.tok, Tok::Comment(_))).map(|t| written(text, t));
            let count = tokens.len() - usize::from(comment.is_some());
            if count == 0 {
                lines.push(Line { apart, indent: 0, cells: Vec::new(), table: None, comment });
                waiting += 1;
                continue;
            }
            let (indent, above) = self.start(next);
            let first = lines.len() - waiting;
            lines[first..].iter_mut().for_each(|l| l.indent = above);
            waiting = 0;
            let (cells, table) = self.cells(next..next + count, indent);
            lines.push(Line { apart, indent, cells, table, comment });
            next += count;
        }
        let (first, inner) = (lines.len() - waiting, self.inner());
        lines[first..].iter_mut().for_each(|l| l.indent = inner);
        lines
    }

    /// Levels of what stands directly in the innermost bracket.
    fn inner(&self) -> usize {
        self.open.last().map_or(0, |b| b.base + 1)
    }

    /// No bracket of a declaration is open.
    fn between_declarations(&self) -> bool {
        self.open.last().is_none_or(|b| b.kind == Kind::Block)
    }

    /// Levels of the line that begins with the token at `i`, and of comments right above it.
    fn start(&mut self, i: usize) -> (usize, usize) {
        let names_entry = matches!(self.code.tok(i + 1), Some(Tok::Bar | Tok::Equals | Tok::Colon));
        if is_keyword(&self.code.tokens, i) && (self.between_declarations() || !names_entry) {
            // The parser too takes this for the end of whatever is still open.
            while !self.between_declarations() {
                self.open.pop();
            }
            return (self.inner(), self.inner());
        }
        let closers = self.code.tokens[i..].iter().enumerate();
        let closers = closers.take_while(|(n, t)| closes(t.tok).is_some() && (*n == 0 || !t.bol));
        let mut depth = self.open.len();
        let mut closed = false;
        for (_, token) in closers {
            if let Some(at) = self.partner(token.tok, depth) {
                (depth, closed) = (at, true);
            }
        }
        if closed {
            return (self.open[depth].base, self.inner());
        }
        let goes_on = match self.open.last().map(|b| b.kind) {
            None | Some(Kind::Block) => self.in_decl,
            Some(Kind::Round | Kind::Square) => false,
            Some(Kind::Brace) => !names_entry && self.entry_goes_on(i),
        };
        let indent = self.inner() + usize::from(goes_on);
        (indent, indent)
    }

    /// Whether the token at `i`, first on its line between braces, cannot begin an entry.
    fn entry_goes_on(&self, i: usize) -> bool {
        let Some(before) = i.checked_sub(1).and_then(|b| self.code.tok(b)) else { return false };
        if matches!(before, Tok::OpenBrace | Tok::Comma | Tok::Semicolon) {
            return false;
        }
        let else_entry = self.code.tok(i) == Some(Tok::Word("else")) && self.code.tok(i + 1) == Some(Tok::FatArrow);
        joins(before) || (!else_entry && self.code.tok(i).is_some_and(joins))
    }

    /// Where the bracket stands that `closer` closes, below `depth`. None but its own brace closes a block.
    fn partner(&self, closer: Tok, depth: usize) -> Option<usize> {
        let wanted = closes(closer)?;
        let near = depth.saturating_sub(MAX_LEVELS);
        let is_end = |b: &Bracket| b.kind == wanted || b.kind == Kind::Block;
        let at = near + self.open[near..depth].iter().rposition(is_end)?;
        (wanted == Kind::Brace || self.open[at].kind == wanted).then_some(at)
    }

    /// The text of a line of code, cut at the bars if it is a row of a table.
    fn cells(&mut self, line: std::ops::Range<usize>, indent: usize) -> (Vec<String>, Option<usize>) {
        let table = self.open.last().filter(|b| b.kind == Kind::Brace).map(|b| b.id);
        let mut cells = vec![String::new()];
        for i in line.clone() {
            let token = self.code.tokens[i];
            if token.tok == Tok::Bar && table.is_some() && self.open.last().map(|b| b.id) == table {
                cells.push(String::new());
                continue;
            }
            if let Some(cell) = cells.last_mut() {
                if !cell.is_empty() && i > line.start && self.code.blank_before(i) {
                    cell.push(' ');
                }
                cell.push_str(self.code.written(&token));
            }
            self.pass(i, indent);
        }
        let table = table.filter(|_| cells.len() > 1);
        (cells, table)
    }

    /// Notes what a token opens, closes, begins or ends.
    fn pass(&mut self, i: usize, indent: usize) {
        let token = self.code.tokens[i];
        let kind = match token.tok {
            Tok::Open => Kind::Round,
            Tok::OpenSquare => Kind::Square,
            Tok::OpenBrace if self.block == Some(i) => Kind::Block,
            Tok::OpenBrace => Kind::Brace,
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace => {
                if let Some(at) = self.partner(token.tok, self.open.len()) {
                    self.in_decl &= self.open[at].kind != Kind::Block;
                    self.open.truncate(at);
                }
                return;
            }
            Tok::Semicolon if self.between_declarations() => {
                self.in_decl = false;
                return;
            }
            Tok::Word(_) if self.between_declarations() && is_keyword(&self.code.tokens, i) => {
                self.in_decl = true;
                self.block = body(&self.code.tokens, i).or(self.block);
                return;
            }
            _ => return,
        };
        let base = if kind == Kind::Block { self.inner() } else { indent };
        if kind == Kind::Block {
            (self.in_decl, self.block) = (false, None);
        }
        self.ids += 1;
        self.open.push(Bracket { kind, id: self.ids, base });
    }
}

/// The kind of bracket that a token closes.
fn closes(tok: Tok) -> Option<Kind> {
    match tok {
        Tok::Close => Some(Kind::Round),
        Tok::CloseSquare => Some(Kind::Square),
        Tok::CloseBrace => Some(Kind::Brace),
        _ => None,
    }
}

/// Whether a token wants something on both sides, so that a line cannot end or begin with it for good.
fn joins(tok: Tok) -> bool {
    match tok {
        Tok::Plus | Tok::Minus | Tok::Star | Tok::Slash | Tok::Caret | Tok::Dot | Tok::Range => true,
        Tok::Less | Tok::LessEq | Tok::Greater | Tok::GreaterEq | Tok::EqEq | Tok::NotEq => true,
        Tok::Equals | Tok::Arrow | Tok::TwoWay | Tok::FatArrow | Tok::Tilde | Tok::Colon => true,
        Tok::Word(word) => matches!(word, "then" | "else" | "and" | "or" | "in" | "for"),
        _ => false,
    }
}

/// For each table, by the number of its braces, the widths of its columns. A row's last cell has no bar to align.
fn widths(lines: &[Line]) -> Vec<Vec<usize>> {
    let tables = lines.iter().filter_map(|l| l.table).max().map_or(0, |id| id + 1);
    let mut widths: Vec<Vec<usize>> = vec![Vec::new(); tables];
    for line in lines {
        let Some(table) = line.table.and_then(|id| widths.get_mut(id)) else { continue };
        for (column, cell) in line.cells[..line.cells.len() - 1].iter().enumerate() {
            let width = cell.chars().count();
            match table.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => table.push(width),
            }
        }
    }
    widths
}

fn print(lines: &[Line]) -> String {
    let widths = widths(lines);
    let mut out = String::new();
    for line in lines {
        if line.apart {
            out.push('\n');
        }
        let start = out.len();
        out.push_str(&INDENT.repeat(line.indent.min(MAX_LEVELS)));
        for (column, cell) in line.cells.iter().enumerate() {
            if column > 0 {
                out.push_str("| ");
            }
            out.push_str(cell);
            if column + 1 < line.cells.len() {
                let width = line.table.and_then(|id| widths.get(id)?.get(column)).copied().unwrap_or(0);
                out.push_str(&" ".repeat(width - cell.chars().count()));
                if column > 0 || width > 0 {
                    out.push(' ');
                }
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
        if let Some(comment) = line.comment {
            match line.cells.is_empty() {
                true => out.push_str(&INDENT.repeat(line.indent.min(MAX_LEVELS))),
                false => out.push_str("  "),
            }
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}
