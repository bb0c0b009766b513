//! Tests of the search: its board says of every change what counting again says.

use proptest::prelude::*;

use super::*;
use crate::input::Input;
use crate::model::Holding;
use crate::tests::brute::a_case;

/// A state with something anywhere, and what runs.
fn crowded(model: &Model, seed: u64) -> State<'_> {
    let mut state = State::kept(model);
    let mut random = Random::new(seed);
    for (kind, facts) in model.kinds.iter().enumerate() {
        let open: Vec<usize> = (0..model.hosts.len())
            .filter(|&host| model.hosts[host].known && facts.allowed.at(host))
            .collect();
        while state.placed[kind] < facts.least && !open.is_empty() {
            state.add(kind, open[random.below(open.len())]);
        }
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn a_state_by_single_steps_is_the_state_counted_at_once(case in a_case(), seed in 0_u64..1000) {
        let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
        let model = Model::new(&input, Holding::All);
        let mut state = crowded(&model, seed);
        let cells = |state: &State<'_>| {
            let counts = state.counts().into_iter().enumerate();
            let cells = counts.flat_map(|(kind, hosts)| {
                hosts.into_iter().map(move |(host, count)| (kind, host, count))
            });
            cells.collect::<Vec<_>>()
        };
        let again = State::with(&model, cells(&state));
        prop_assert_eq!((state.score, state.wrong), (again.score, again.wrong));
        for (kind, host, _) in cells(&state) {
            state.remove(kind, host);
        }
        let again = State::with(&model, cells(&state));
        prop_assert_eq!((state.score, state.wrong), (again.score, again.wrong));
    }

    #[test]
    fn the_board_says_what_counting_again_says(case in a_case(), seed in 0_u64..1000) {
        let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
        let model = Model::new(&input, Holding::All);
        let state = crowded(&model, seed);
        let mut pieces = Pieces::new(&state);
        let mut board = Board::new(&state, &pieces);
        let mut random = Random::new(seed);
        for _ in 0..if pieces.is_empty() { 0 } else { 30 } {
            let piece = random.below(pieces.len());
            let (kind, from) = (pieces.kind(piece), pieces.host(piece));
            let to = random.below(model.hosts.len());
            if to == from || !board.may_be(kind, to) {
                continue;
            }
            let change = board.change(kind, from, to);
            board.shift(kind, from, to);
            board.add(change);
            pieces.put(piece, to);
            let counts = (0..pieces.len()).map(|piece| (pieces.kind(piece), pieces.host(piece)));
            let mut now = State::kept(&model);
            counts.for_each(|(kind, host)| now.add(kind, host));
            prop_assert_eq!(board.points, now.score);
            let fresh = Board::new(&now, &Pieces::new(&now));
            prop_assert_eq!(board.wrong, fresh.wrong);
            // Ports that run twice, and rules that what runs breaks by itself, are not the search's.
            if board.wrong > 0 {
                prop_assert!(now.wrong > 0 || !now.is_complete());
            }
        }
    }
}
