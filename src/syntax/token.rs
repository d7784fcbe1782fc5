//! The words of the language.
//!
//! In: text. Out: [`Tok`], by logos. Invariant: every byte of the text is in exactly one token, comment or stretch of
//! white space. Absent on purpose: keywords. Few words are reserved, and the parser decides by place which are.

use logos::{Lexer, Logos};

use crate::source::Span;

/// A kind of token, with its text where that differs from token to token.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\r\n\u{feff}]+")]
pub enum Tok<'s> {
    /// A word: a name, a keyword or a clause word.
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*", |lex| lex.slice())]
    Word(&'s str),
    /// A name between backticks; the text is without them.
    #[regex(r"`[^`\n]*`", |lex| inner(lex.slice()))]
    Quoted(&'s str),
    /// A number with its magnitude or percent sign.
    #[regex(r"[0-9]", number)]
    Number(Number<'s>),
    /// A text between quotes; the text is without them.
    #[regex(r#""[^"\n]*""#, |lex| inner(lex.slice()))]
    Str(&'s str),
    /// `@2021-08-04`; the text is without `@`.
    #[regex(r"@[0-9A-Za-z_\-:./]*", |lex| &lex.slice()[1..])]
    Date(&'s str),
    /// `///`, `//!` or `//` up to the end of the line.
    #[regex(r"//[^\n]*", |lex| lex.slice(), allow_greedy = true)]
    Comment(&'s str),

    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token("[")]
    OpenSquare,
    #[token("]")]
    CloseSquare,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token("|")]
    Bar,
    #[token(".")]
    Dot,
    #[token("..")]
    Range,
    #[token("=")]
    Equals,
    #[token("=>")]
    FatArrow,
    #[token("->")]
    Arrow,
    #[token("<->")]
    TwoWay,
    #[token("~")]
    Tilde,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("^")]
    Caret,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEq,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEq,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,

    /// A leg, directly behind a name: `.1` in `swap.1`.
    Leg(&'s str),
    /// `.5`: a number wants a digit before its point.
    #[regex(r"\.[0-9][0-9_]*", |lex| lex.slice())]
    LeadingPoint(&'s str),
    /// A quote that is never closed on its line.
    #[regex(r#""[^"\n]*"#, |lex| lex.slice(), priority = 1)]
    OpenStr(&'s str),
    /// A backtick that is never closed on its line.
    #[regex(r"`[^`\n]*", |lex| lex.slice(), priority = 1)]
    OpenQuoted(&'s str),
    /// Signs of other languages, named so that the message can say what to write.
    #[regex(r"&&|&|\|\||!|\*\*|<>|≤|≥|≠|×|·|÷|−|–|—|→|[“”„«»]|[‘’']|;;|\?|\$|€|£|#|\\|%|:=|<-", |lex| lex.slice())]
    Foreign(&'s str),
    /// Any other character.
    Bad(&'s str),
}

impl Tok<'_> {
    /// A part may follow: `swap.1`, `swap[p].1`.
    fn ends_a_name(self) -> bool {
        matches!(self, Tok::Word(_) | Tok::Quoted(_) | Tok::CloseSquare)
    }
}

/// The text of a number, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'s> {
    /// All of it, as written.
    pub text: &'s str,
    /// How many of its bytes are digits, point and exponent; the rest is the magnitude, a percent sign or a mistake.
    pub digits: usize,
}

impl<'s> Number<'s> {
    /// What stands behind the digits.
    pub fn suffix(&self) -> &'s str {
        &self.text[self.digits..]
    }
}

fn inner(text: &str) -> &str {
    &text[1..text.len() - 1]
}

/// Reads on after the first digit. A number ends where a word would, so that `12month` is one bad token and not two good ones.
fn number<'s>(lex: &mut Lexer<'s, Tok<'s>>) -> Number<'s> {
    let (rest, start) = (lex.remainder(), lex.span().start);
    let bytes = rest.as_bytes();
    let run = |mut i: usize| {
        while bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            i += 1;
        }
        i
    };
    let mut i = run(0);
    if bytes.get(i) == Some(&b'.') && bytes.get(i + 1).is_some_and(u8::is_ascii_digit) {
        i = run(i + 1);
    }
    if matches!(bytes.get(i), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
        if bytes.get(i + 1 + sign).is_some_and(u8::is_ascii_digit) {
            i = run(i + 1 + sign);
        }
    }
    let digits = i + 1;
    let word = |c: char| c == '_' || c.is_alphanumeric();
    i += rest[i..].find(|c| !word(c)).unwrap_or(rest.len() - i);
    if i + 1 == digits && bytes.get(i) == Some(&b'%') {
        i += 1;
    } else if i + 1 == digits && bytes.get(i) == Some(&b'.') && bytes.get(i + 1) != Some(&b'.') {
        i += 1;
        i += rest[i..].find(|c| !word(c)).unwrap_or(rest.len() - i);
    }
    lex.bump(i);
    Number { text: &lex.source()[start..lex.span().end], digits }
}

/// A token where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'s> {
    /// What it is.
    pub tok: Tok<'s>,
    /// Where it is.
    pub span: Span,
    /// It is the first on its line.
    pub bol: bool,
}

/// All tokens of a text, comments among them.
pub fn lex(text: &str, base: u32) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut end = 0;
    for (tok, range) in Tok::lexer(text).spanned() {
        let bol = tokens.is_empty() || text[end..range.start].contains('\n');
        end = range.end;
        let span = Span::new(base + range.start as u32, base + range.end as u32);
        let tok = tok.unwrap_or(Tok::Bad(&text[range]));
        match (tok, tokens.last_mut()) {
            // Neighbouring bad characters are one mistake.
            (Tok::Bad(_), Some(Token { tok: Tok::Bad(last), span: before, .. })) if before.end == span.start => {
                let start = (before.start - base) as usize;
                *last = &text[start..end];
                before.end = span.end;
            }
            // `swap.1` is a name and its part.
            (Tok::LeadingPoint(text), Some(before)) if before.span.end == span.start && before.tok.ends_a_name() => {
                tokens.push(Token { tok: Tok::Leg(text), span, bol });
            }
            _ => tokens.push(Token { tok, span, bol }),
        }
    }
    tokens
}

/// The words that start a declaration. `time` does so only where a name follows on its line.
pub const DECLARATIONS: &[&str] = &[
    "use",
    "unit",
    "time",
    "record",
    "index",
    "param",
    "let",
    "state",
    "fn",
    "curve",
    "series",
    "draw",
    "stock",
    "conveyor",
    "flow",
    "transfer",
    "phases",
    "phase",
    "policy",
    "entity",
    "trait",
    "spawn",
    "retire",
    "conserve",
    "metric",
    "assert",
    "goal",
    "assumption",
    "expect",
    "scenario",
    "experiment",
    "update",
];

/// The words that no name may be, the declarations' aside.
pub const RESERVED: &[&str] =
    &["if", "then", "else", "match", "and", "or", "not", "in", "for", "cloud", "true", "false"];

/// Words that mean something only after a complete expression or clause; elsewhere they are ordinary names, but never units.
pub const CLAUSES: &[&str] = &[
    "about",
    "alias",
    "at",
    "births",
    "by",
    "capped",
    "clamp",
    "column",
    "compare",
    "confidence",
    "deaths",
    "each",
    "every",
    "except",
    "extrapolate",
    "first",
    "from",
    "hold",
    "initially",
    "leak",
    "linear",
    "lumps",
    "measure",
    "next",
    "of",
    "once",
    "out",
    "rate",
    "rest",
    "run",
    "runs",
    "sample",
    "seed",
    "shifted",
    "signed",
    "skip",
    "source",
    "starting",
    "step",
    "sweep",
    "to",
    "up",
    "using",
    "when",
    "where",
    "within",
];

/// Names that the clock and mathematics own.
pub const OWNED: &[&str] = &["time", "dt", "inf", "pi"];

/// Whether a word may not be a name.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word) || (word != "time" && DECLARATIONS.contains(&word))
}
