//! Tests of the file beside: every pattern is worth what the prices say of it.

use proptest::prelude::*;

use crate::bound::pricing::Pricing;
use crate::bound::site::sites;
use crate::input::Input;
use crate::model::{Holding, Model};
use crate::random::Random;
use crate::tests::brute::a_case;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(9), ..ProptestConfig::default() })]

    #[test]
    fn a_hand_is_worth_what_its_pattern_is(case in a_case(), seed in 0_u64..1000) {
        let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
        let model = Model::new(&input, Holding::All);
        let mut random = Random::new(seed);
        for site in sites(&model, &[]).iter().filter(|site| !site.kinds.is_empty()) {
            let weights: Vec<i64> = site.kinds.iter().map(|&kind| kind as i64 * 700 - 900).collect();
            let pricing = Pricing::new(site, 1000, &weights);
            let mut hand = pricing.hand();
            for _ in 0..20 {
                let kind = random.below(site.kinds.len());
                if random.below(3) == 0 && hand.pattern()[kind] > 0 {
                    hand.remove(kind);
                } else if hand.has_room(kind) {
                    hand.add(kind);
                }
                prop_assert_eq!(hand.worth(), pricing.worth(hand.pattern()), "{:?}", hand.pattern());
                let before = hand.pattern().clone();
                if let Some(added) = hand.add_with_company(kind) {
                    hand.undo(&added);
                }
                prop_assert_eq!(hand.pattern(), &before);
            }
        }
    }
}
