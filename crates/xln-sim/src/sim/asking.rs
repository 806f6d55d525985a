//! Whether the next request is one of a hub alone, which the ledger foretells, or one between nodes.

use super::Sim;
use crate::abroad::travel::Traveller;
use crate::workload::Asked;
use crate::workload::choose::Chooser;

impl Sim<'_> {
    pub(super) fn choose(&mut self, number: usize) -> Asked {
        let (node, workload) = (&self.nodes[number], &mut self.workloads[number]);
        let now_s = node.clock.now_ms() / 1000;
        if self.has_peers
            && workload.dice.once_in(3)
            && let Some(life) = &node.life
        {
            let server = life.shared.server();
            let (talk, everyone, fees) = (&mut self.talk, &self.everyone, &self.fees);
            let (people, abroad) = (&node.people, &*node.abroad);
            let asked =
                Traveller { number, workload, server: &server, people, abroad, everyone, talk, fees, now_s }.ask();
            if let Some(asked) = asked {
                return asked;
            }
        }
        let workload = &mut self.workloads[number];
        Chooser { workload, ledger: &node.ledger, people: &node.people, now_s }.ask()
    }
}
