//! Expressions, units and the small pieces that all declarations are made of.

use chumsky::prelude::*;

use super::number;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::{CLAUSES, Tok, Token, is_reserved};

pub(super) type In<'t, 's> = &'t [Token<'s>];
pub(super) type Ex<'t, 's> = extra::Err<Rich<'t, Token<'s>>>;
pub(super) type Rule<'t, 's, O> = Boxed<'t, 't, In<'t, 's>, O, Ex<'t, 's>>;

/// A parser over tokens.
pub(super) trait Parse<'t, 's: 't, O>: Parser<'t, In<'t, 's>, O, Ex<'t, 's>> + Clone + 't {}
impl<'t, 's: 't, O, P: Parser<'t, In<'t, 's>, O, Ex<'t, 's>> + Clone + 't> Parse<'t, 's, O> for P {}

/// The stretch of source that a parser took.
pub(super) fn span_of(tokens: &[Token]) -> Span {
    match (tokens.first(), tokens.last()) {
        (Some(a), Some(b)) => a.span.to(b.span),
        _ => Span::default(),
    }
}

/// A keyword or clause word.
pub(super) fn kw<'t, 's: 't>(word: &'static str) -> impl Parse<'t, 's, Span> {
    any().filter(move |t: &Token| t.tok == Tok::Word(word)).map(|t: Token| t.span).labelled(word)
}

/// A sign.
pub(super) fn sign<'t, 's: 't>(tok: Tok<'static>, text: &'static str) -> impl Parse<'t, 's, Span> {
    any().filter(move |t: &Token| t.tok == tok).map(|t: Token| t.span).labelled(text)
}

/// The end of an entry inside braces: `;`, `,` or a new line.
pub(super) fn separator<'t, 's: 't>() -> impl Parse<'t, 's, ()> {
    let mark = any().filter(|t: &Token| matches!(t.tok, Tok::Semicolon | Tok::Comma)).ignored();
    let line = any().filter(|t: &Token| t.bol).rewind().ignored();
    mark.or(line).labelled("a new line, `;` or `,`")
}

/// A name that the language leaves to the user.
pub(super) fn name<'t, 's: 't>() -> impl Parse<'t, 's, Name> {
    any()
        .filter_map(|t: Token| match t.tok {
            Tok::Word(text) if !is_reserved(text) => Some(Name { text: text.to_string(), span: t.span }),
            Tok::Quoted(text) if !text.is_empty() => Some(Name { text: text.to_string(), span: t.span }),
            _ => None,
        })
        .labelled("a name")
}

/// A label, column or option, which may be any word.
pub(super) fn label<'t, 's: 't>() -> impl Parse<'t, 's, Name> {
    any()
        .filter_map(|t: Token| match t.tok {
            Tok::Word(text) | Tok::Quoted(text) if !text.is_empty() => {
                Some(Name { text: text.to_string(), span: t.span })
            }
            _ => None,
        })
        .labelled("a label")
}

/// The number of a leg: `1` in `swap.1`.
fn leg<'t, 's: 't>() -> impl Parse<'t, 's, Name> {
    any().filter_map(|t: Token| match t.tok {
        Tok::Leg(text) => Some(Name { text: text[1..].to_string(), span: Span::new(t.span.start + 1, t.span.end) }),
        _ => None,
    })
}

pub(super) fn text<'t, 's: 't>() -> impl Parse<'t, 's, Text> {
    any()
        .filter_map(|t: Token| match t.tok {
            Tok::Str(text) => Some(Text { text: text.to_string(), span: t.span }),
            _ => None,
        })
        .labelled("a text in quotes")
}

pub(super) fn plain_number<'t, 's: 't>() -> impl Parse<'t, 's, Number> {
    any()
        .filter_map(|t: Token| match t.tok {
            Tok::Number(n) => number::value(n, t.span).ok(),
            _ => None,
        })
        .labelled("a number")
}

pub(super) fn date<'t, 's: 't>() -> impl Parse<'t, 's, Text> {
    any()
        .filter_map(|t: Token| match t.tok {
            Tok::Date(text) => Some(Text { text: text.to_string(), span: t.span }),
            _ => None,
        })
        .labelled("a date such as `@2021-08-04`")
}

/// `-5`, the exponent of a unit.
fn signed_number<'t, 's: 't>() -> impl Parse<'t, 's, Number> {
    sign(Tok::Minus, "-").or_not().then(plain_number()).map(|(minus, mut n)| {
        if let Some(at) = minus {
            n.value = -n.value;
            n.span = at.to(n.span);
        }
        n
    })
}

fn make<'t, 's>(kind: ExprKind, tokens: &'t [Token<'s>]) -> Expr {
    Expr::new(kind, span_of(tokens))
}

fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    let span = a.span.to(b.span);
    Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), span)
}

/// `NAME '[' … ']'`'s binders: `r in Recipient where …`.
pub(super) fn binder<'t, 's: 't>(expr: impl Parse<'t, 's, Expr>) -> impl Parse<'t, 's, Binder> {
    name()
        .then_ignore(kw("in"))
        .then(name())
        .then(kw("where").ignore_then(expr).or_not())
        .map(|((name, index), filter)| Binder { name, index, filter })
}

/// The arguments of a call or a distribution, with their parentheses.
pub(super) fn arguments<'t, 's: 't>(expr: impl Parse<'t, 's, Expr>) -> impl Parse<'t, 's, Vec<Arg>> {
    name()
        .then_ignore(sign(Tok::Colon, ":"))
        .or_not()
        .then(expr.clone())
        .then(kw("for").ignore_then(binder(expr.clone())).repeated().collect::<Vec<_>>())
        .then(kw("else").ignore_then(expr).or_not())
        .map(|(((name, value), binders), otherwise)| Arg { name, value, binders, otherwise })
        .separated_by(sign(Tok::Comma, ","))
        .collect::<Vec<_>>()
        .delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")"))
}

/// The expression grammar.
pub(super) fn expr<'t, 's: 't>() -> Rule<'t, 's, Expr> {
    recursive(|expr| {
        let expr = expr.boxed();
        let comma = || sign(Tok::Comma, ",");
        let list = expr.clone().separated_by(comma()).at_least(1).collect::<Vec<_>>();

        let unit_name = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w) if !t.bol && !is_reserved(w) && !CLAUSES.contains(&w) => {
                    Some(Name { text: w.to_string(), span: t.span })
                }
                Tok::Quoted(w) if !t.bol && !w.is_empty() => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("a unit");
        let quantity = plain_number()
            .then(unit_name.then(sign(Tok::Caret, "^").ignore_then(signed_number()).or_not()).or_not())
            .map_with(|(number, unit), e| {
                let kind = match unit {
                    None => ExprKind::Number(Box::new(number)),
                    Some((unit, power)) => ExprKind::Quantity(Box::new(Quantity { number, unit, power })),
                };
                make(kind, e.slice())
            });

        let args = arguments(expr.clone());
        let word = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w) if !is_reserved(w) => Some((w, t.span, false)),
                Tok::Quoted(w) if !w.is_empty() => Some((w, t.span, true)),
                _ => None,
            })
            .labelled("a name");
        let named = word.then(args.or_not()).map_with(|((text, span, quoted), args), e| {
            let kind = match args {
                Some(args) => ExprKind::Call { name: Name { text: text.to_string(), span }, args },
                None if text == "time" && !quoted => ExprKind::Time,
                None => ExprKind::Name(text.to_string()),
            };
            make(kind, e.slice())
        });

        let cell = kw("else").to(None).or(expr.clone().map(Some)).then_ignore(sign(Tok::Colon, ":")).then(expr.clone());
        let array = cell
            .separated_by(separator())
            .allow_trailing()
            .at_least(1)
            .collect::<Vec<_>>()
            .delimited_by(sign(Tok::OpenBrace, "{"), sign(Tok::CloseBrace, "}"))
            .map_with(|cells, e| make(ExprKind::Array(cells), e.slice()));

        let constant = choice((
            kw("true").to(ExprKind::Bool(true)),
            kw("false").to(ExprKind::Bool(false)),
            date().map(|d| ExprKind::Date(d.text)),
            text().map(|t| ExprKind::Text(t.text)),
        ))
        .map_with(|kind, e| make(kind, e.slice()));
        let paren = expr
            .clone()
            .delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")"))
            .map_with(|inner, e| make(ExprKind::Paren(Box::new(inner)), e.slice()));

        // `match` needs the postfix level for its patterns, and is an atom of it itself.
        let postfix = recursive(|postfix| {
            let pattern = sign(Tok::Minus, "-").or_not().then(postfix).map_with(|(minus, inner), e| match minus {
                Some(_) => make(ExprKind::Negate(Box::new(inner)), e.slice()),
                None => inner,
            });
            let patterns = kw("else").to(Vec::new()).or(pattern.separated_by(kw("or")).at_least(1).collect::<Vec<_>>());
            let arm = patterns.then_ignore(sign(Tok::FatArrow, "=>")).then(expr.clone());
            let matching = kw("match")
                .ignore_then(expr.clone())
                .then(
                    arm.separated_by(separator())
                        .allow_trailing()
                        .at_least(1)
                        .collect::<Vec<_>>()
                        .delimited_by(sign(Tok::OpenBrace, "{"), sign(Tok::CloseBrace, "}")),
                )
                .map_with(|(subject, arms), e| make(ExprKind::Match { subject: Box::new(subject), arms }, e.slice()));
            let atom = choice((quantity, named, paren, array, matching, constant)).labelled("a value").boxed();
            enum Step {
                Field(Name),
                Subscript(Vec<Expr>, Option<Expr>),
            }
            let field = sign(Tok::Dot, ".").ignore_then(label()).or(leg()).map(Step::Field);
            let subscript = list
                .clone()
                .then(kw("else").ignore_then(expr.clone()).or_not())
                .delimited_by(sign(Tok::OpenSquare, "["), sign(Tok::CloseSquare, "]"))
                .map(|(at, otherwise)| Step::Subscript(at, otherwise));
            let steps = field.or(subscript).map_with(|step, e| (step, span_of(e.slice())));
            atom.foldl(steps.repeated(), |base: Expr, (step, at)| {
                let span = base.span.to(at);
                let base = Box::new(base);
                Expr::new(
                    match step {
                        Step::Field(name) => ExprKind::Field(base, name),
                        Step::Subscript(subscripts, otherwise) => {
                            ExprKind::Subscript { base, subscripts, otherwise: otherwise.map(Box::new) }
                        }
                    },
                    span,
                )
            })
            .boxed()
        });

        // `-a^-b^c` as one list, folded from the right: recursion here would grow with the text.
        let minuses = sign(Tok::Minus, "-").repeated().collect::<Vec<_>>();
        let operand = minuses.then(postfix);
        let unary = operand
            .clone()
            .then(sign(Tok::Caret, "^").ignore_then(operand).repeated().collect::<Vec<_>>())
            .map(|(first, rest)| {
                let mut operands = vec![first];
                operands.extend(rest);
                let mut right: Option<Expr> = None;
                for (minuses, base) in operands.into_iter().rev() {
                    let mut value = match right {
                        Some(exponent) => binary(BinaryOp::Power, base, exponent),
                        None => base,
                    };
                    for at in minuses.into_iter().rev() {
                        let span = at.to(value.span);
                        value = Expr::new(ExprKind::Negate(Box::new(value)), span);
                    }
                    right = Some(value);
                }
                right.unwrap_or_else(|| Expr::new(ExprKind::TooDeep, Span::default()))
            });
        // One look for both operators of a level: most operands are followed by neither.
        let operator = |a: (Tok<'static>, BinaryOp), b: (Tok<'static>, BinaryOp)| {
            any()
                .filter_map(move |t: Token| [a, b].into_iter().find(|(tok, _)| *tok == t.tok).map(|(_, op)| op))
                .labelled("an operator")
        };
        let times = operator((Tok::Star, BinaryOp::Multiply), (Tok::Slash, BinaryOp::Divide));
        let product = unary.clone().foldl(times.then(unary).repeated(), |a, (op, b)| binary(op, a, b));
        let plus = operator((Tok::Plus, BinaryOp::Add), (Tok::Minus, BinaryOp::Subtract));
        let sum = product.clone().foldl(plus.then(product).repeated(), |a, (op, b)| binary(op, a, b)).boxed();
        let compare_op = any()
            .filter_map(|t: Token| {
                Some(match t.tok {
                    Tok::Less => CompareOp::Less,
                    Tok::LessEq => CompareOp::LessEq,
                    Tok::Greater => CompareOp::Greater,
                    Tok::GreaterEq => CompareOp::GreaterEq,
                    Tok::EqEq => CompareOp::Equal,
                    Tok::NotEq => CompareOp::NotEqual,
                    _ => return None,
                })
            })
            .labelled("a comparison");
        let compare = sum.clone().then(compare_op.then(sum).repeated().collect::<Vec<_>>()).map_with(|(a, rest), e| {
            if rest.is_empty() { a } else { make(ExprKind::Compare(Box::new(a), rest), e.slice()) }
        });
        let not = kw("not").repeated().collect::<Vec<_>>().then(compare).map(|(nots, mut value)| {
            for at in nots.into_iter().rev() {
                let span = at.to(value.span);
                value = Expr::new(ExprKind::Not(Box::new(value)), span);
            }
            value
        });
        let and =
            not.clone().foldl(kw("and").to(BinaryOp::And).then(not).repeated(), |a, (op, b)| binary(op, a, b)).boxed();
        let or_word = kw("or").then_ignore(kw("skip").not().rewind()).to(BinaryOp::Or);
        let or = and.clone().foldl(or_word.then(and).repeated(), |a, (op, b)| binary(op, a, b));

        let condition = kw("if")
            .then(expr.clone())
            .then_ignore(kw("then"))
            .then(expr.clone())
            .then_ignore(kw("else"))
            .repeated()
            .collect::<Vec<_>>();
        condition.then(or).map(|(conditions, last)| {
            conditions.into_iter().rev().fold(last, |otherwise, ((at, condition), then)| {
                let span = at.to(otherwise.span);
                Expr::new(ExprKind::If(Box::new([condition, then, otherwise])), span)
            })
        })
    })
    .boxed()
}

/// A unit, a label type or `bool`.
pub(super) fn ty<'t, 's: 't>(expr: Rule<'t, 's, Expr>) -> Rule<'t, 's, Type> {
    recursive(move |ty| {
        let atom = choice((
            name().map(TypeKind::Name),
            plain_number().map(TypeKind::Number),
            ty.delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")")).map(|t: Type| t.kind),
        ))
        .map_with(|kind, e| Type { kind, span: span_of(e.slice()) })
        .labelled("a unit");
        let plain = signed_number().map_with(|n: Number, e| make(ExprKind::Number(Box::new(n)), e.slice()));
        let exponent = plain.or(expr.delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")")));
        let power = atom.then(sign(Tok::Caret, "^").ignore_then(exponent).or_not()).map(|(base, exponent)| {
            let Some(exponent) = exponent else { return base };
            let span = base.span.to(exponent.span);
            Type { kind: TypeKind::Power(Box::new(base), Box::new(exponent)), span }
        });
        let op = sign(Tok::Star, "*").to(BinaryOp::Multiply).or(sign(Tok::Slash, "/").to(BinaryOp::Divide));
        power.clone().then(op.then(power).repeated().collect::<Vec<_>>()).map_with(|(first, rest), e| {
            if rest.is_empty() {
                return first;
            }
            Type { kind: TypeKind::Product(Box::new(first), rest), span: span_of(e.slice()) }
        })
    })
    .boxed()
}
