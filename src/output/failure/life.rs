//! Why a run failed where members come, go, and refer to each other.

use super::Failure;
use crate::diag::{Code, Diagnostic};
use crate::exec::FaultKind;
use crate::hir::SpawnKind;
use crate::ir::{self, Origin};
use crate::units::magnitude;

impl Failure<'_> {
    /// What went wrong when members came or went.
    pub(super) fn life(&self, kind: &FaultKind) -> Diagnostic {
        match kind {
            FaultKind::Crowded { population, limit } => self.crowded(*population, *limit),
            FaultKind::Births { spawn, value } => self.births(*spawn, *value),
            FaultKind::Unfunded { spawn, stock, needs, holds } => {
                let spawn = &self.model.spawns[*spawn];
                let (name, origin) = (self.population(spawn.population), self.model.stocks[*stock].origin);
                let (needs, holds) = (self.amount(origin.decl, *needs), self.amount(origin.decl, *holds));
                Diagnostic::new(
                    Code::E0911,
                    format!("`{}` holds too little for those who live from the start", self.name(origin)),
                    self.checked.model.spawns[spawn.number].span,
                    format!("the next `{name}` opens with {needs}, and {holds} is left"),
                )
                .label(self.checked.model.decl(origin.decl).whole, "they open from here")
                .help("open it with more, or let fewer live initially; those born later wait until there is enough")
            }
            FaultKind::Route { stock, part, value, .. } => {
                let origin = self.model.stocks[*stock].origin;
                let share = format!("{}%", magnitude(value * 100.0, 12));
                let (decl, why) = (
                    self.checked.model.decl(origin.decl),
                    match part {
                        Some(part) => format!("part {} is {share}", part + 1),
                        None => format!("its parts come to {share}"),
                    },
                );
                Diagnostic::new(
                    Code::E0907,
                    format!("`{}` cannot be shared out in {}", self.name(origin), self.row()),
                    decl.whole,
                    why,
                )
                .help("let the shares of the route lie between 0% and 100%, and the last part be what is left: `rest`")
            }
            FaultKind::Nobody { stock, number } => self.nobody(self.model.stocks[*stock].origin, *number),
            FaultKind::Pick { population, birth, candidates, weight } => {
                self.pick(self.model.births(*population)[*birth].origin, *candidates, *weight)
            }
            // Whatever else there is has its own words.
            _ => Diagnostic::new(Code::E0911, format!("a birth fails in {}", self.row()), Default::default(), ""),
        }
    }

    fn crowded(&self, population: ir::PopId, limit: f64) -> Diagnostic {
        let decl = self.checked.model.decl(self.model.populations[population.0 as usize].decl);
        let said = self.checked.model.entities[population.0 as usize].limit;
        let most = magnitude(limit, 12);
        let error = Diagnostic::new(
            Code::E0910,
            format!("`{}` has more than {most} members in {}", decl.name, self.row()),
            said.map_or(decl.span, |e| self.checked.model.expr(e).span),
            if said.is_some() { "so many may live" } else { "so many may live where nothing else is said" },
        );
        error.help(format!(
            "if so many are meant, say it: `entity {} at most … {{`; to hold it there, `spawn {}: up to {most}`",
            decl.name, decl.name
        ))
    }

    fn births(&self, spawn: usize, value: f64) -> Diagnostic {
        let spawn = &self.model.spawns[spawn];
        let (written, name) = (&self.checked.model.spawns[spawn.number], self.population(spawn.population));
        let fact = match value {
            v if v.is_nan() => "come to no number".to_string(),
            v if v.is_infinite() => "are infinite".to_string(),
            _ => "are fewer than none".to_string(),
        };
        let count = self.checked.model.expr(written.count).span;
        let text = self.checked.sources.text(count);
        let error = Diagnostic::new(
            Code::E0911,
            format!("the births of `{name}` {fact} in {}", self.row()),
            count,
            if value.is_finite() { format!("this is {}", magnitude(value, 6)) } else { "of this".to_string() },
        )
        .help(match (value < 0.0, &written.how) {
            (true, SpawnKind::Initially) => "let it be 0 or more".to_string(),
            (true, _) => format!("who leaves is told by `retire`; births are `max(0, {text})`"),
            (false, _) => "`safediv(a, b, otherwise: 0)` says what a division by 0 is".to_string(),
        });
        self.values(error, [written.count], &[])
    }

    fn nobody(&self, origin: Origin, number: f64) -> Diagnostic {
        let decl = self.checked.model.decl(origin.decl);
        let entity = decl.entity.map_or(String::new(), |e| self.checked.model.entities[e.0 as usize].name.clone());
        let who = if number.is_nan() { format!("no `{entity}`") } else { format!("{entity} #{number}") };
        Diagnostic::new(
            Code::E0714,
            format!("`{}` of {who} is wanted, who is not there, in {}", self.name(origin), self.row()),
            decl.whole,
            "an end of what moves, or what a newborn opens from",
        )
        .help("say what is in its place once it is gone: `-> reference.stock else treasury`")
    }

    fn pick(&self, origin: Origin, candidates: usize, weight: f64) -> Diagnostic {
        let decl = self.checked.model.decl(origin.decl);
        let (why, help) = match candidates {
            0 => (
                "there is nobody to pick".to_string(),
                "spawn those who are picked first, or let the `where` leave more in",
            ),
            _ if weight == 0.0 => (
                format!("{candidates} could be picked, and each weighs 0"),
                "let somebody weigh more than 0: `weight: max(1, …)`",
            ),
            _ => (
                format!("{candidates} could be picked, and what they weigh is no number of 0 or more"),
                "a weight is 0 or more: `weight: max(0, …)`",
            ),
        };
        Diagnostic::new(Code::E0911, format!("`{}` finds nobody in {}", self.name(origin), self.row()), decl.whole, why)
            .help(help)
    }

    /// What is drawn is drawn from something.
    pub(super) fn drawn_of_nothing(&self, origin: Origin) -> Diagnostic {
        let decl = self.checked.model.decl(origin.decl);
        Diagnostic::new(Code::E0908, format!("`{}` cannot be drawn", self.name(origin)), decl.whole, "")
    }

    fn population(&self, population: ir::PopId) -> String {
        self.checked.model.decl(self.model.populations[population.0 as usize].decl).name.clone()
    }
}
