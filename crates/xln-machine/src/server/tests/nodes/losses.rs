//! Losses and reconnections in the middle of everything (**CH-9**, **CH-10**): whatever is lost once, and wherever, it ends the same.

use super::net::Net;
use super::routes::ROW;
use super::script::{end, play};

/// A day in the life of three hubs.
const DAY: &str = "
    C.q invoice 300 USD #1
    C.q invoice 40 USD #2
    A.p send 300 USD #1 to C.q via A+6 B+6 C+5
    A pay B 17 USD
    A.p send 40 USD #2 to C.q via A+3 B+3 C+3
    B lock A 5 USD #7
    A claim B 0 #7
    A.p send 20 USD #3 to C.q via A+3 B+3 C+3
    B credit A 900 USD
    A window B 7200 mailbox 3
    B window A 7200
    C pay B 9 USD
    ";

const EVENING: &str = "
    net A.p USD -366
    net C.q USD 340
    net A USD -3
    net B USD 30
    net C USD -1
    window A B 7200
    window B A 7200
    outgoing A 0
    outgoing B 0
    outgoing C 0
    forwards A 0
    forwards B 0
    forwards C 0
    payments A 0
    invoices C 0
    held A B USD 0
    held B A USD 0
    held B C USD 0
    alarms A 0
    alarms B 0
    alarms C 0
    ";

/// Delivers all, but loses the message of this number with all that is under way between its two nodes, once; how many there were.
fn deliver_but(net: &mut Net, sent: &mut usize, lost: usize) {
    loop {
        let next = net.links.iter().find(|(_, queue)| !queue.is_empty()).map(|(line, _)| *line);
        let Some((from, to)) = next else { return };
        *sent += 1;
        if *sent == lost {
            net.reconnect(from, to);
        } else {
            let _ = net.deliver(from, to);
        }
    }
}

/// Plays the day, line by line, while one message is lost; how many messages there were.
fn day_but(lost: usize) -> usize {
    let mut net = Net::new();
    play(&mut net, ROW);
    net.careful = lost.is_multiple_of(5);
    net.manual = true;
    let mut sent = 0;
    for line in DAY.lines() {
        play(&mut net, line);
        // Every second line is said while the one before is still under way.
        if !line.contains("send") {
            deliver_but(&mut net, &mut sent, lost);
        }
    }
    net.manual = false;
    end(&mut net);
    play(&mut net, EVENING);
    sent
}

/// CH-10: each message of the day is lost once; the evening is the same.
#[test]
fn every_message_may_be_lost_once() {
    let sent = day_but(0);
    assert!(30 < sent, "a day of {sent} messages");
    for lost in 1..=sent {
        let _ = day_but(lost);
    }
}

/// CH-10: what is said twice changes nothing.
#[test]
fn every_message_may_be_said_twice() {
    let mut net = Net::new();
    play(&mut net, ROW);
    net.manual = true;
    for line in DAY.lines() {
        play(&mut net, line);
        while let Some((from, to)) = net.links.iter().find(|(_, queue)| !queue.is_empty()).map(|(line, _)| *line) {
            let again = net.links[&(from, to)].front().cloned().expect("one");
            let _ = net.deliver(from, to);
            net.arrive(from, to, again);
        }
    }
    net.manual = false;
    end(&mut net);
    play(&mut net, EVENING);
}

/// CH-9: a busy left lets right speak; when right stays silent, left goes on after its patience.
#[test]
fn a_left_that_yields_goes_on_when_right_is_silent() {
    let mut net = Net::new();
    play(&mut net, "nodes A B \n meet A B \n A open B grant 100 USD \n B credit A 100 USD");
    let (left, right) = if net.people.entity("A") < net.people.entity("B") { ("A", "B") } else { ("B", "A") };
    play(
        &mut net,
        &format!(
            "
            hold {left} {right}
            {left} pay {right} 1 USD
            {right} pay {left} 2 USD     // crosses: left yields from here on
            flow
            lose {right} {left}
            hold {right} {left}
            {left} pay {right} 3 USD
            clock 9
            clock 2
            flow
            remind {right} {left}
            remind {left} {right}
            net {right} USD 2
            "
        ),
    );
    end(&mut net);
}
