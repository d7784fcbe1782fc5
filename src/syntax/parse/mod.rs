//! Text to syntax tree.
//!
//! In: the text of one file. Out: an [`ast::File`] with every declaration that could be read, and a diagnostic for each
//! that could not. The tokens are first cut where a declaration's keyword stands first on its line, and each piece is
//! parsed by itself (chumsky), so that a mistake in one declaration never hides another.
//! Invariant: any text gives a tree and diagnostics, never a panic. Absent on purpose: chumsky's own words; its errors
//! become codes here.

mod decl;
mod expr;
mod message;
mod number;

use std::ops::Range;

use chumsky::Parser;

use super::ast::{self, Item};
use super::token::{self, DECLARATIONS, Tok, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// Brackets, and `if`s waiting for their `else`, may be nested this deeply.
const MAX_NESTING: usize = 150;

/// What became of a text.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The declarations that could be read.
    pub file: ast::File,
    /// Names of declarations that could not: nothing more is to be said of whoever reads them.
    pub broken: Vec<ast::Name>,
    /// A clock, or a use of another file, is among them: what seems to be missing may be there.
    pub incomplete: Incomplete,
    /// One for each declaration that could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a text may declare that could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incomplete {
    /// The clock.
    pub clock: bool,
    /// A stock.
    pub stocks: bool,
    /// A flow or transfer.
    pub moves: bool,
    /// An update.
    pub updates: bool,
    /// Anything at all.
    pub names: bool,
}

/// A stretch of tokens between two places where a declaration may begin.
enum Piece {
    /// One or more declarations.
    Run(Range<usize>),
    /// `phase NAME { … }` or `entity NAME { … }`.
    Block { header: Range<usize>, body: Vec<Piece>, end: usize, closed: bool },
}

/// Parses a file whose text begins at `base` of the source map.
pub fn parse(text: &str, base: u32) -> Parsed {
    let all = token::lex(text, base);
    let tokens: Vec<Token> = all.iter().copied().filter(|t| !matches!(t.tok, Tok::Comment(_))).collect();
    let mut parser = FileParser {
        tokens: &tokens,
        comments: all.iter().filter(|t| matches!(t.tok, Tok::Comment(_))).copied().collect(),
        decls: decl::Decls::new(),
        parsed: Parsed::default(),
    };
    let items = match too_deep(&tokens) {
        Some(at) => {
            parser.parsed.diagnostics.push(message::too_deep(at));
            parser.parsed.broken.extend(tokens.iter().filter_map(message::as_name));
            Vec::new()
        }
        None => {
            let (pieces, _) = cut(&tokens, &mut 0, false);
            parser.items(&pieces)
        }
    };
    let doc = parser.file_doc();
    let mut parsed = parser.parsed;
    parsed.file = ast::File { doc, items };
    parsed
}

/// Parses a value given on the command line.
#[allow(clippy::result_large_err)] // A diagnostic is made once, and then the call ends.
pub fn parse_value(text: &str, base: u32) -> Result<ast::Expr, Diagnostic> {
    let mut tokens = token::lex(text, base);
    tokens.retain(|t| !matches!(t.tok, Tok::Comment(_)));
    let whole = Span::new(base, base + text.len() as u32);
    if let Some(at) = too_deep(&tokens) {
        return Err(message::too_deep(at));
    }
    if tokens.is_empty() {
        return Err(Diagnostic::new(Code::E0001, "a value is missing", whole, "expected a value"));
    }
    if let Some(error) = bad_token(&tokens).or_else(|| brackets(&tokens)) {
        return Err(error);
    }
    let (value, errors) = expr::expr().parse(&tokens[..]).into_output_errors();
    match (value, errors.into_iter().next()) {
        (Some(value), None) => Ok(value),
        (_, Some(error)) => Err(message::unexpected(&error, &tokens, None)),
        (None, None) => Err(Diagnostic::new(Code::E0001, "this is not a value", whole, "")),
    }
}

/// Parses lines of an experiment that a call asks for.
#[allow(clippy::result_large_err)] // A diagnostic is made once, and then the call ends.
pub fn parse_lines(text: &str, base: u32) -> Result<Vec<ast::ExperimentItem>, Diagnostic> {
    let mut tokens = token::lex(text, base);
    tokens.retain(|t| !matches!(t.tok, Tok::Comment(_)));
    if let Some(at) = too_deep(&tokens) {
        return Err(message::too_deep(at));
    }
    if let Some(error) = bad_token(&tokens).or_else(|| brackets(&tokens)) {
        return Err(error);
    }
    let (items, errors) = decl::experiment_items().parse(&tokens[..]).into_output_errors();
    match (items, errors.into_iter().next()) {
        (Some(items), None) => Ok(items),
        (_, Some(error)) => Err(message::unexpected(&error, &tokens, None)),
        (None, None) => Err(Diagnostic::new(Code::E0001, "this is no line of an experiment", Span::default(), "")),
    }
}

/// Parses the type of a column that the header of a file gives.
#[allow(clippy::result_large_err)] // A diagnostic is made once, and then the file is left.
pub fn parse_type(text: &str, base: u32) -> Result<ast::Type, Diagnostic> {
    let mut tokens = token::lex(text, base);
    tokens.retain(|t| !matches!(t.tok, Tok::Comment(_)));
    let whole = Span::new(base, base + text.len() as u32);
    let wrong = || {
        Diagnostic::new(Code::E0001, "this is no unit", whole, "the unit of a column is expected here")
            .help("for example `price [USD/TKN]`, `share [1]` or `class [Class]`")
    };
    if tokens.is_empty() || too_deep(&tokens).is_some() || bad_token(&tokens).is_some() || brackets(&tokens).is_some() {
        return Err(wrong());
    }
    let (value, errors) = expr::ty(expr::expr()).parse(&tokens[..]).into_output_errors();
    value.filter(|_| errors.is_empty()).ok_or_else(wrong)
}

/// The place where nesting passes its bound.
fn too_deep(tokens: &[Token]) -> Option<Span> {
    let mut depth = 0usize;
    for token in tokens {
        match token.tok {
            Tok::Open | Tok::OpenSquare | Tok::OpenBrace | Tok::Word("if") => depth += 1,
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace | Tok::Word("else") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Some(token.span);
        }
    }
    None
}

/// Whether a declaration's keyword stands at `at`.
pub(super) fn is_keyword(tokens: &[Token], at: usize) -> bool {
    let Some(Token { tok: Tok::Word(word), .. }) = tokens.get(at) else { return false };
    let next = tokens.get(at + 1);
    match *word {
        // `time from` is the clock's value and a clause, unless a clock is given a clause word for its unit.
        "time" => next.is_some_and(|t| match t.tok {
            Tok::Word(w) if token::CLAUSES.contains(&w) => {
                !t.bol && tokens.get(at + 2).is_some_and(|t| t.tok == Tok::Word("from"))
            }
            Tok::Word(w) => !t.bol && !token::is_reserved(w),
            Tok::Quoted(_) => !t.bol,
            _ => false,
        }),
        word => DECLARATIONS.contains(&word),
    }
}

/// Whether a line begins as only a declaration can, but for its keyword: `stok fund: TKN = 0`, `fund = 0`.
fn looks_misspelt(tokens: &[Token], at: usize) -> bool {
    let plain = |t: &Token| match t.tok {
        Tok::Word(w) => !token::is_reserved(w) && !token::CLAUSES.contains(&w) && w != "time",
        Tok::Quoted(_) => true,
        _ => false,
    };
    let Some(token) = tokens.get(at).filter(|t| t.bol && plain(t)) else { return false };
    // What came before must be able to end there.
    let complete = at > 0
        && !is_keyword(tokens, at - 1)
        && match tokens[at - 1].tok {
            Tok::Word(w) => !token::is_reserved(w) && !token::CLAUSES.contains(&w),
            Tok::Quoted(_) | Tok::Number(_) | Tok::Str(_) | Tok::Date(_) => true,
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace => true,
            _ => false,
        };
    let next = tokens.get(at + 1).filter(|t| !t.bol);
    let named = matches!(token.tok, Tok::Word(_)) && next.is_some_and(plain);
    complete && (named || next.is_some_and(|t| t.tok == Tok::Equals))
}

/// Cuts tokens into pieces, from `at` to the end of the file or of the block, and says whether the block was closed.
fn cut(tokens: &[Token], at: &mut usize, in_block: bool) -> (Vec<Piece>, bool) {
    let mut pieces = Vec::new();
    let mut start = *at;
    let mut depth = 0usize;
    while let Some(token) = tokens.get(*at) {
        let i = *at;
        let entry =
            depth > 0 && matches!(tokens.get(i + 1), Some(t) if matches!(t.tok, Tok::Bar | Tok::Equals | Tok::Colon));
        let keyword = is_keyword(tokens, i) && !entry;
        if (keyword && token.bol) || (depth == 0 && looks_misspelt(tokens, i)) {
            if start < i {
                pieces.push(Piece::Run(start..i));
            }
            (start, depth) = (i, 0);
        }
        if keyword
            && depth == 0
            && let Some(brace) = body(tokens, i)
        {
            if start < i {
                pieces.push(Piece::Run(start..i));
            }
            *at = brace + 1;
            let (body, closed) = cut(tokens, at, true);
            start = *at;
            pieces.push(Piece::Block { header: i..brace + 1, body, end: *at, closed });
            continue;
        }
        *at += 1;
        match token.tok {
            Tok::Open | Tok::OpenSquare | Tok::OpenBrace => depth += 1,
            Tok::CloseBrace if depth == 0 && in_block => {
                if start < i {
                    pieces.push(Piece::Run(start..i));
                }
                return (pieces, true);
            }
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if start < *at {
        pieces.push(Piece::Run(start..*at));
    }
    (pieces, false)
}

/// The brace that opens the body of a `phase` or `entity`, if such a keyword stands at `at`. Braces of an array or a
/// `match` in the bound of an entity come before it.
pub(super) fn body(tokens: &[Token], at: usize) -> Option<usize> {
    let label = |i: usize| i > 0 && tokens[i - 1].tok == Tok::Dot;
    let Tok::Word("phase" | "entity") = tokens.get(at)?.tok else { return None };
    // Inside a line it may be a label, which may be any word.
    if !tokens[at].bol && at > 0 {
        let named = matches!(tokens.get(at + 2), Some(t) if matches!(t.tok, Tok::OpenBrace | Tok::Word("at")));
        match tokens[at - 1].tok {
            Tok::Dot => return None,
            Tok::Comma | Tok::Equals | Tok::Word("column" | "time") if !named => return None,
            _ => {}
        }
    }
    let mut depth = 0usize;
    let mut matches = 0usize;
    for i in at + 1..tokens.len() {
        if is_keyword(tokens, i) && (tokens[i].bol || (i > at + 1 && !label(i))) {
            return None;
        }
        match tokens[i].tok {
            Tok::Word("match") if depth == 0 && !label(i) => matches += 1,
            Tok::OpenBrace if depth == 0 => match tokens[i - 1].tok {
                Tok::Word(_) if label(i - 1) && matches == 0 => return Some(i),
                Tok::Word(_) if label(i - 1) => (depth, matches) = (1, matches - 1),
                Tok::Word("most") if tokens[i - 2].tok == Tok::Word("at") => depth += 1,
                Tok::Word("if" | "then" | "else" | "and" | "or" | "not" | "match") => depth += 1,
                Tok::Plus | Tok::Minus | Tok::Star | Tok::Slash | Tok::Caret => depth += 1,
                Tok::Less | Tok::LessEq | Tok::Greater | Tok::GreaterEq | Tok::EqEq | Tok::NotEq => depth += 1,
                _ if matches > 0 => (depth, matches) = (1, matches - 1),
                _ => return Some(i),
            },
            Tok::Open | Tok::OpenSquare | Tok::OpenBrace => depth += 1,
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The first token that no declaration may have.
fn bad_token(tokens: &[Token]) -> Option<Diagnostic> {
    tokens.iter().find_map(|t| message::bad_token(*t))
}

/// The first bracket without a partner.
fn brackets(tokens: &[Token]) -> Option<Diagnostic> {
    let mut open: Vec<Token> = Vec::new();
    for token in tokens {
        let wanted = match token.tok {
            Tok::Open | Tok::OpenSquare | Tok::OpenBrace => {
                open.push(*token);
                continue;
            }
            Tok::Close => Tok::Open,
            Tok::CloseSquare => Tok::OpenSquare,
            Tok::CloseBrace => Tok::OpenBrace,
            _ => continue,
        };
        match open.pop() {
            Some(partner) if partner.tok == wanted => {}
            partner => return Some(message::bracket(partner, Some(*token))),
        }
    }
    open.pop().map(|token| message::bracket(Some(token), None))
}

struct FileParser<'t, 's> {
    tokens: &'t [Token<'s>],
    comments: Vec<Token<'s>>,
    decls: decl::Decls<'t, 's>,
    parsed: Parsed,
}

impl<'t, 's> FileParser<'t, 's> {
    fn items(&mut self, pieces: &[Piece]) -> Vec<Item> {
        let mut items = Vec::new();
        let mut after_block = false;
        for piece in pieces {
            match piece {
                Piece::Run(range) => self.run(range.clone(), after_block, &mut items),
                Piece::Block { header, body, end, closed } => {
                    items.extend(self.block(header.clone(), body, *end, *closed));
                }
            }
            after_block = matches!(piece, Piece::Block { .. });
        }
        items
    }

    /// One declaration after another, up to the first that cannot be read.
    fn run(&mut self, range: Range<usize>, after_block: bool, items: &mut Vec<Item>) {
        let mut at = range.start;
        // One `;` may follow a declaration.
        let mut ended = after_block;
        let whole = &self.tokens[range.clone()];
        if let Some(error) = bad_token(whole).or_else(|| brackets(whole)) {
            return self.fail(whole, error);
        }
        while at < range.end {
            let tokens = &self.tokens[at..range.end];
            if tokens[0].tok == Tok::Semicolon && ended {
                (at, ended) = (at + 1, false);
                continue;
            }
            let keyword = match tokens[0].tok {
                Tok::Word(word) if is_keyword(tokens, 0) => self.decls.of(word),
                _ => None,
            };
            let Some(parser) = keyword else { return self.fail(tokens, message::no_keyword(tokens)) };
            let parser = parser.clone().map_with(|decl, e| (decl, e.slice().len())).then_ignore(end_of_decl());
            let (output, errors) = parser.lazy().parse(tokens).into_output_errors();
            match (output, errors.into_iter().next()) {
                (Some((decl, taken)), None) => {
                    let span = expr::span_of(&tokens[..taken]);
                    items.push(Item { doc: self.doc_before(at), decl, span });
                    (at, ended) = (at + taken, true);
                }
                (_, Some(error)) => return self.fail(tokens, message::unexpected(&error, tokens, Some(&tokens[0]))),
                (None, None) => return self.fail(tokens, message::no_keyword(tokens)),
            }
        }
    }

    fn fail(&mut self, tokens: &[Token], error: Diagnostic) {
        let incomplete = &mut self.parsed.incomplete;
        incomplete.clock |= tokens.iter().any(|t| t.tok == Tok::Word("time"));
        incomplete.stocks |= tokens.iter().any(|t| t.tok == Tok::Word("stock"));
        incomplete.moves |= tokens.iter().any(|t| matches!(t.tok, Tok::Word("flow" | "transfer")));
        incomplete.updates |= tokens.iter().any(|t| t.tok == Tok::Word("update"));
        incomplete.names |= tokens.iter().any(|t| t.tok == Tok::Word("use"));
        self.parsed.diagnostics.push(error);
        self.parsed.broken.extend(message::declared_names(tokens));
    }

    fn block(&mut self, header: Range<usize>, body: &[Piece], end: usize, closed: bool) -> Option<Item> {
        let items = self.items(body);
        let tokens = &self.tokens[header.clone()];
        if !closed {
            let brace = self.tokens[header.end - 1];
            self.fail(tokens, message::bracket(Some(brace), None));
        }
        if let Some(error) = bad_token(tokens) {
            self.fail(tokens, error);
            return None;
        }
        let span = expr::span_of(&self.tokens[header.start..end]);
        let doc = self.doc_before(header.start);
        let (decl, errors) = match tokens[0].tok {
            Tok::Word("phase") => {
                let (name, errors) = decl::phase_header().parse(tokens).into_output_errors();
                (name.map(|name| ast::Decl::Phase { name, items }), errors)
            }
            _ => {
                let (head, errors) = decl::entity_header().parse(tokens).into_output_errors();
                (head.map(|(name, at_most)| ast::Decl::Entity { name, at_most, items }), errors)
            }
        };
        if let Some(error) = errors.into_iter().next() {
            self.fail(tokens, message::unexpected(&error, tokens, Some(&tokens[0])));
        }
        decl.map(|decl| Item { doc, decl, span })
    }

    /// The `///` lines between the token at `at` and the one before it.
    fn doc_before(&self, at: usize) -> String {
        let from = at.checked_sub(1).map_or(0, |i| self.tokens[i].span.end);
        let to = self.tokens[at].span.start;
        let first = self.comments.partition_point(|c| c.span.start < from);
        let lines = self.comments[first..].iter().take_while(|c| c.span.end <= to);
        // A `///` behind the end of the declaration before is that one's remark, not this one's doc.
        doc_text(lines.filter(|c| c.bol), "///")
    }

    fn file_doc(&self) -> String {
        let first = self.tokens.first().map_or(u32::MAX, |t| t.span.start);
        doc_text(self.comments.iter().take_while(|c| c.span.end <= first), "//!")
    }
}

fn doc_text<'c>(comments: impl Iterator<Item = &'c Token<'c>>, mark: &str) -> String {
    let lines: Vec<&str> = comments
        .filter_map(|c| match c.tok {
            // A byte-order mark is white space, as everywhere.
            Tok::Comment(text) => text.strip_prefix(mark).map(|line| {
                let line = line.strip_prefix(' ').unwrap_or(line);
                line.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
            }),
            _ => None,
        })
        .collect();
    lines.join("\n")
}

/// What may stand behind a declaration: `;`, the next declaration, a new line, or nothing. A clause word on a new line
/// still belongs to the declaration, so what is wrong with the clause is what gets reported.
fn end_of_decl<'t, 's: 't>() -> impl expr::Parse<'t, 's, ()> {
    use chumsky::prelude::*;
    let next = any()
        .filter(|t: &Token| match t.tok {
            Tok::Semicolon => true,
            Tok::Word(w) if DECLARATIONS.contains(&w) => true,
            Tok::Word(w) => t.bol && !token::CLAUSES.contains(&w) && !token::RESERVED.contains(&w),
            Tok::Quoted(_) => t.bol,
            _ => false,
        })
        .rewind()
        .ignored();
    next.or(end()).labelled("the end of the declaration")
}
