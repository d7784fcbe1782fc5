//! Types of how members come and go.

use super::infer::Infer;
use super::{Ty, Typed};
use crate::hir::{DeclKind, Place, PlaceKind, SpawnKind};
use crate::units::{Dim, Unit};

impl Infer<'_> {
    /// How many members are born, when they retire, and how many there may be.
    pub(super) fn entities(&mut self) {
        let model = self.model;
        for entity in &model.entities {
            if let Some(limit) = entity.limit {
                self.fresh_declaration(|i| i.place(limit, &Unit::one(), "the most members", entity.span));
            }
        }
        for spawn in &model.spawns {
            let per_time = self.fresh_declaration(|i| match spawn.how {
                SpawnKind::Rate => {
                    let typed = i.infer(spawn.count);
                    let per_time = Dim::one().divide(&i.model.units.time());
                    let per_step = matches!(&typed.ty, Ty::Number(dim) if i.unify(dim, &Dim::one()));
                    if !per_step {
                        let shown = i.model.units.clock().map(|c| i.model.units.divide(&Unit::one(), &Unit::of(c)));
                        let wanted = Typed { ty: Ty::Number(per_time), shown };
                        i.expect(spawn.count, &typed, &wanted, "how many are born", spawn.span);
                    }
                    !per_step
                }
                SpawnKind::Initially | SpawnKind::UpTo => {
                    i.place(spawn.count, &Unit::one(), "how many are born", spawn.span);
                    false
                }
            });
            self.facts.per_time.push(per_time);
        }
        for retire in &model.retires {
            self.fresh_declaration(|i| i.condition(retire.when, "what follows `when`"));
            let routes = retire.routes.iter().map(|(from, to, _)| match from.kind {
                PlaceKind::Decl(stock) if !to.is_empty() => {
                    let held = self.decl(stock);
                    let route = super::births::as_move(retire, from, to);
                    self.fresh_declaration(|i| {
                        i.ends(route.ends().flat_map(|p| std::iter::once(p).chain(p.otherwise.as_deref())));
                        i.are_amounts(&route, &held)
                    })
                }
                _ => true,
            });
            let routes = routes.collect();
            self.facts.routes.push(routes);
        }
        for (_, decl) in model.decls() {
            if let DeclKind::Stock { from: Some(from), .. } = &decl.kind {
                self.fresh_declaration(|i| i.ends(std::iter::once(from)));
            }
        }
    }

    /// The subscripts of places.
    fn ends<'p>(&mut self, places: impl Iterator<Item = &'p Place>) {
        for place in places {
            if let PlaceKind::Decl(id) = place.kind {
                let held = self.decl(id);
                self.element(id, &place.at, None, &held);
            }
        }
    }
}
