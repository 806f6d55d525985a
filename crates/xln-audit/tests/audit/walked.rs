//! Two hubs at random: players pay, lock, claim, give back, grant, open, allocate and take out ([`crate::wishes`]); frames cross, messages
//! wait, are lost and said again; the chain tells facts and time passes. Whatever comes of it, both logs are honest (**CH-6** to **CH-9**, **CH-13**,
//! **HT-2**, **HT-3**): what the audit foresees and what the core does were written apart, and agree.

use crate::forger::audit;
use crate::hub::Hub;
use crate::neighbours::{collateral, founding, openings};
use crate::pair::strangers;
use crate::wishes::{Dice, ask, carry_out, invoice};
use xln_types::Hash;

/// How many walks, and how many steps each.
const WALKS: u64 = 24;
const STEPS: u64 = 120;

fn walk(seed: u64) {
    let mut pair = strangers();
    let cast = pair.cast;
    let dice = &mut Dice(seed);
    for chapter in [founding, openings, collateral] {
        chapter(&mut pair, &cast);
    }
    for step in 0..STEPS {
        let name: &'static str = Box::leak(format!("step {step}").into_boxed_str());
        match dice.below(26) {
            0..=9 => ask(&mut pair, dice, name),
            10 | 11 => invoice(&mut pair, dice, name),
            12..=14 => pair.frames(0, name),
            15..=17 => pair.frames(1, name),
            18 => pair.hear(0, name),
            19 => pair.hear(1, name),
            20 => pair.reconnect(),
            24 | 25 => {
                let (at, which) = (dice.below(2), dice.below(200));
                pair.echo(usize::from(at == 1), usize::try_from(which).expect("small"), name);
            }
            21 => pair.wait(dice.below(400)),
            22 => {
                let deep_s = pair.hubs[0].now_s() - 10;
                pair.deep(name, deep_s);
            }
            _ => carry_out(&mut pair, dice, name),
        }
        if step % 20 == 19 {
            pair.seal();
        }
    }
    pair.reconnect();
    pair.settle("the end");
    pair.seal();
    pair.hubs.iter_mut().for_each(Hub::sign);
    for (which, hub) in pair.hubs.iter().enumerate() {
        let report = audit(&hub.records);
        assert_eq!(report.violations, [], "seed {seed}, hub {}", which + 1);
        assert_eq!(report.root, Hash(hub.server.tree().root()));
    }
}

/// CH-6, CH-8, CH-9, CH-13, HT-2, HT-3, HT-4: the audit agrees with whatever two hubs come to.
#[test]
fn whatever_two_hubs_do_is_followed() {
    (0..WALKS).for_each(walk);
}
