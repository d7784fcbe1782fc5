//! Curves and series: whether their points are a function, and whether data covers the run.

use num_rational::BigRational;

use super::constant::constant;
use super::{Facts, Ty};
use crate::builtins::Reading;
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclKind, ExprKind, Model};
use crate::source::SourceMap;
use crate::units::{plain, to_f64};

pub(super) fn check(model: &Model, sources: &SourceMap, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    for curve in &model.curves {
        let mut before: Option<BigRational> = None;
        for (x, y) in &curve.points {
            let wrong = [x, y].into_iter().find(|e| constant(facts, **e).is_none());
            if let Some(e) = wrong {
                if !matches!(model.expr(*e).kind, ExprKind::Error) {
                    diagnostics.push(
                        Diagnostic::new(
                            Code::E0213,
                            format!("a point of the curve `{}` is no constant", curve.name),
                            model.expr(*e).span,
                            "only a run knows this",
                        )
                        .help("write a number; what changes multiplies the curve: `height * shape(x)`"),
                    );
                }
                break;
            }
            let Some(value) = constant(facts, *x) else { break };
            if before.as_ref().is_some_and(|b| *b >= value) {
                diagnostics.push(
                    Diagnostic::new(
                        Code::E0213,
                        format!("the points of the curve `{}` do not go from left to right", curve.name),
                        model.expr(*x).span,
                        "this is not to the right of the one before",
                    )
                    .help("sort them by their first number, one point for each; for a jump put two points close together, or write `step`"),
                );
                break;
            }
            before = Some(value);
        }
    }
    let Some(clock) = &facts.clock else { return };
    for (id, decl) in model.decls() {
        let DeclKind::Series(series) = &decl.kind else { continue };
        let (Some(first), Some(last)) = (series.times.first(), series.times.last()) else { continue };
        if series.clamp || series.reading == Reading::Lumps || facts.decl(id).ty == Ty::Unknown {
            continue;
        }
        let stop = &clock.from + &clock.dt * BigRational::from_integer(clock.steps.into());
        let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
        let show = |v: &BigRational| {
            let time = to_f64(v);
            let date = model.date_of(time).map_or(String::new(), |d| format!(" ({d})"));
            format!("{unit} {}{date}", plain(time, 9))
        };
        let (fact, when) = if *first > clock.from {
            (format!("starts at {}, after the run has started", show(first)), "before that")
        } else if *last < stop {
            (format!("ends at {}, before the run ends", show(last)), "after that")
        } else {
            continue;
        };
        diagnostics.push(
            Diagnostic::new(
                Code::E0509,
                format!("`{}` {fact}", decl.name),
                series.file,
                format!("a run goes from {} to {}", show(&clock.from), show(&stop)),
            )
            .label(decl.span, format!("it has no value {when}"))
            .help(format!(
                "write `clamp` to keep its first and last value outside: `{} clamp`",
                sources.text(decl.whole).trim_end()
            )),
        );
    }
}
