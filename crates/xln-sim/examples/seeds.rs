fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = |d: u64| args.next().and_then(|a| a.parse().ok()).unwrap_or(d);
    let (from, count, ops) = (next(0), next(1), next(2000));
    let faults = std::env::var("FAULTS").unwrap_or_else(|_| "all".into());
    let start = std::time::Instant::now();
    let mut total = xln_sim::Report::default();
    for seed in from..from + count {
        let options = xln_sim::Options {
            faults: xln_sim::fault::Fault::parse(&faults).unwrap(),
            ..xln_sim::Options::new(seed, ops)
        };
        match xln_sim::run(&options) {
            Ok(r) => {
                total.ops += r.ops;
                total.steps += r.steps;
                total.lives += r.lives;
                total.compared += r.compared;
                total.unspoken += r.unspoken;
                for (k, v) in r.accepted {
                    *total.accepted.entry(k).or_default() += v;
                }
                for (k, v) in r.refused {
                    *total.refused.entry(k).or_default() += v;
                }
                for (k, v) in r.faults {
                    *total.faults.entry(k).or_default() += v;
                }
                total.digest = r.digest;
            }
            Err(v) => {
                println!("VIOLATION {v:?}");
                if count == 1 {
                    return;
                }
            }
        }
    }
    let t = start.elapsed().as_secs_f64();
    println!("{total:#?}\n{} ops in {t:.2}s: {:.0}/s", total.ops, total.ops as f64 / t);
}
