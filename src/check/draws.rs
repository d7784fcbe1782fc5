//! Draws: whether something can be drawn, and whether each has luck of its own.
//!
//! In: a model whose types are known. What hangs on a run is looked at by the run; here is what constants tell, and which members
//! odds and parts are over. Absent on purpose: units (see `dist`), and what a draw reads too early (see `early`).

use std::collections::BTreeMap;

use super::constant::{Env, Fold};
use super::{Facts, Ty};
use crate::builtins::draws::How;
use crate::builtins::philox::name_hash;
use crate::diag::{Code, Diagnostic};
use crate::hir::{Aggregate, Decl, DeclId, DeclKind, Dist, DistKind, ExprId, ExprKind, Members, Model};
use crate::units::{magnitude, to_f64};

/// Of an array with more members than this only so many are looked at.
const MOST: usize = 1_000;

/// What names the luck of a value: its name, and the names of its members.
pub(crate) fn luck(model: &Model, facts: &Facts, id: DeclId, member: usize) -> u64 {
    let decl = model.decl(id);
    let members = facts.shape(id).map_or_else(Vec::new, |s| s.members(member));
    // A living member has a number of its own in the place of its luck.
    let labels = decl.axes.iter().zip(members).map(|(b, m)| (model.binder(*b).index, m));
    let labels = labels.filter(|(index, _)| !matches!(model.index(*index).members, Members::Living(_)));
    let names: Vec<String> = labels.map(|(index, m)| model.member_name(index, m)).collect();
    name_hash(&decl.name, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a value is drawn from, if it is drawn.
pub(crate) fn dist_of(decl: &Decl) -> Option<&Dist> {
    match &decl.kind {
        DeclKind::Draw(draw) => Some(&draw.dist),
        DeclKind::Param { dist: Some(dist), .. } => Some(dist),
        _ => None,
    }
}

/// The binders of a draw that the whole of a `multinomial` hangs on: for each of their members the others share one whole.
pub(crate) fn outer(model: &Model, facts: &Facts, id: DeclId, n: ExprId) -> Vec<bool> {
    let free = &facts.free[n.0 as usize];
    model.decl(id).axes.iter().map(|b| free.contains(b)).collect()
}

pub(super) fn check(model: &Model, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    let mut fold = Fold::new(model, facts);
    let mut known: BTreeMap<u64, (DeclId, usize)> = BTreeMap::new();
    for (id, decl) in model.decls() {
        let Some(dist) = dist_of(decl) else { continue };
        for member in 0..facts.count(id) {
            match known.insert(luck(model, facts, id, member), (id, member)) {
                Some(first) if first.0 != id => {
                    diagnostics.push(same_luck(model, decl, first.0));
                    break;
                }
                _ => {}
            }
        }
        if let (DistKind::Multinomial, [n, _]) = (dist.kind, &dist.args[..])
            && !decl.axes.is_empty()
            && outer(model, facts, id, *n).iter().all(|o| *o)
        {
            let error = Diagnostic::new(
                Code::E0606,
                format!("nothing is shared out among the members of `{}`", decl.name),
                model.expr(*n).span,
                "each member has a whole of its own",
            )
            .help("let the whole hang on none of the members that share it: `multinomial(committed, odds[o])` in a draw over `o`");
            diagnostics.push(error);
            continue;
        }
        // What is wrong with its type has been said.
        if facts.decl(id).ty != Ty::Unknown {
            impossible(&mut fold, id, decl, dist, diagnostics);
        }
    }
}

fn same_luck(model: &Model, decl: &Decl, other: DeclId) -> Diagnostic {
    let other = model.decl(other);
    Diagnostic::new(
        Code::E0608,
        format!("`{}` and `{}` would be drawn alike", other.name, decl.name),
        decl.span,
        "its name has the same hash",
    )
    .label(other.span, "as this one's, by chance")
    .help("give one of them another name")
}

/// What constants tell: of each member all arguments, worked out.
fn impossible(fold: &mut Fold, id: DeclId, decl: &Decl, dist: &Dist, diagnostics: &mut Vec<Diagnostic>) {
    let (model, facts) = (fold.model, fold.facts);
    let mut env = fold.env();
    for member in 0..facts.count(id).min(MOST) {
        if let Some(shape) = facts.shape(id) {
            decl.axes.iter().zip(shape.members(member)).for_each(|(b, m)| env[b.0 as usize] = m);
        }
        let (how, args) = match (dist.kind, &dist.args[..]) {
            (DistKind::Form(form), args) => (How::Form(form), numbers(fold, args, &mut env)),
            (DistKind::Truncated(form), args) => (How::Truncated(form), numbers(fold, args, &mut env)),
            (DistKind::Categorical, [odds]) => match &model.expr(*odds).kind {
                ExprKind::Aggregate(a) => (How::Categorical(0.0), odds_of(fold, a, &mut env)),
                _ => return,
            },
            // Of the parts of a whole one may have no odds.
            (DistKind::Multinomial, [_, odds]) => {
                let value = numbers(fold, &[*odds], &mut env).filter(|v| v[0] < 0.0);
                (How::Categorical(0.0), value)
            }
            _ => return,
        };
        let Some(args) = args else { continue };
        let Some(why) = how.wrong(&args) else { continue };
        let given = match dist.kind {
            DistKind::Form(form) | DistKind::Truncated(form) => {
                let names = form.signature.params.iter().map(|p| p.name.as_str()).chain(["the lower end", "the upper"]);
                let shown: Vec<String> = names
                    .zip(&dist.args)
                    .zip(&args)
                    .map(|((n, e), v)| format!("{} is {}", argument(n), say(fold, id, *e, *v)))
                    .collect();
                shown.join(", ")
            }
            _ => String::new(),
        };
        let error =
            Diagnostic::new(Code::E0604, format!("nothing can be drawn for `{}`: {why}", decl.name), dist.span, given);
        return diagnostics.push(match dist.kind {
            DistKind::Form(form) => error.help(format!("for example `{}`", form.example)),
            DistKind::Truncated(_) => error.help("let the ends lie where the distribution has values, the lower first"),
            _ => error.help("give at least one member odds above 0, and none below"),
        });
    }
}

/// The name of an argument, as it is written.
pub(crate) fn argument(name: &str) -> String {
    if name.contains(' ') { name.into() } else { format!("`{name}`") }
}

/// A number in the unit of what is drawn, or as it is.
fn say(fold: &Fold, id: DeclId, e: ExprId, value: f64) -> String {
    let (model, facts) = (fold.model, fold.facts);
    let known = facts.decl(id);
    let plain = facts.implied.get(&e).is_some_and(|unit| model.units.dim(unit).is_one());
    let drawn = matches!(&known.ty, Ty::Number(dim) if !dim.is_one());
    if plain || !drawn {
        return magnitude(value, 6);
    }
    format!("{} {}", magnitude(model.units.shown(&known.shown).of(value), 6), model.units.name(&known.shown))
}

fn numbers(fold: &mut Fold, args: &[ExprId], env: &mut Env) -> Option<Vec<f64>> {
    args.iter().map(|e| number(fold, *e, env)).collect()
}

fn number(fold: &mut Fold, e: ExprId, env: &mut Env) -> Option<f64> {
    match &fold.model.expr(e).kind {
        ExprKind::Infinity => Some(f64::INFINITY),
        ExprKind::Negate(a) => number(fold, *a, env).map(|v| -v),
        _ => fold.value(e, env).map(|v| to_f64(&v)),
    }
}

/// The odds of each member that is in.
fn odds_of(fold: &mut Fold, a: &Aggregate, env: &mut Env) -> Option<Vec<f64>> {
    let [binder] = a.binders[..] else { return None };
    let (model, mut odds) = (fold.model, Vec::new());
    for member in model.members(model.binder(binder).index) {
        env[binder.0 as usize] = member;
        let shape = a.like.and_then(|like| fold.facts.shape(like));
        if shape.is_some_and(|s| s.offset(&[member]).is_none()) {
            continue;
        }
        if let Some(filter) = model.binder(binder).filter
            && !fold.holds(filter, env)?
        {
            continue;
        }
        odds.push(number(fold, a.value, env)?);
    }
    Some(odds)
}
