"""Placement as a model of CP-SAT: numbers of a task on a host, and what the words of a topology say.

placement.py QUESTIONS ANSWERS: a question a line, an answer a line, both JSON; docs/topology.md has the
words. It shares nothing with Lathe but those: it is a judge of what Lathe answers, and a peer of it.

A question: {"tasks": [{"name", "tasks", "tags", "biases", "resources"}], "hosts": [{"name", "resources",
"attributes"}], "running": [{"topology", "task", "slot", "host", "tags", "biases", "resources",
"ending"?}], "max_moves"?, "emptied"?, "seconds"?, "points"?, "leave_out"?}. Resources are {"cpus", "mem",
"disk", "ports"}: thousandths, bytes, and for a task a list of numbers and nulls, for a host of ranges.
The topology asked about is called "t". `emptied` thinks away what other topologies run, `points` asks
for the most points too, `leave_out` names a rule that is forgotten, to see that somebody notices.

An answer: {"verdict": "feasible" | "infeasible" | "unknown", "made_ms": for the model, "ms": for solving
it, and when feasible "moves": the fewest, "points", "bound": the most points any valid plan may have,
"optimal", "first_ms": until the first valid plan}.
"""

import json
import sys
import time
from collections import defaultdict

from ortools.sat.python import cp_model

OWN = "t"
SIZES = ("cpus", "mem", "disk")


def carried(name, tags):
    """The tags of a task: its own, its path and every beginning of that."""
    parts = name.split(".")
    return set(tags) | {".".join(parts[: at + 1]) for at in range(len(parts))}


class Bias:
    def __init__(self, stated):
        tag, self.word, *rest = stated
        self.tag = tag.removeprefix("task.")
        self.weight = next((one for one in rest if isinstance(one, int)), 50)
        self.domain = next((one for one in rest if isinstance(one, str)), None)
        self.attribute = tag.startswith("@")
        if self.attribute:
            name, _, value = tag[1:].partition("=")
            self.name, self.value = name, value or None


class Party:
    """A task whose instances are to be placed, or one instance that stays where it is."""

    def __init__(self, stated):
        name = stated.get("name") or stated["task"]
        self.tags = carried(name, stated["tags"])
        self.biases = [Bias(one) for one in stated["biases"]]
        resources = stated["resources"]
        self.need = [resources[size] for size in SIZES] + [len(resources["ports"])]
        self.fixed_ports = {port for port in resources["ports"] if port is not None}
        self.ending = stated.get("ending", False)
        self.host = stated.get("host")


class Scene:
    def __init__(self, question):
        self.known = {host["name"]: host for host in question["hosts"]}
        self.forgets = question.get("leave_out")
        running = question.get("running", [])
        emptied = question.get("emptied", False)
        others = [run for run in running if run["topology"] != OWN]
        if emptied:
            running = [run for run in running if run["topology"] == OWN and not run.get("ending")]
        if self.forgets == "running":
            running = []
        self.tasks = [Party(task) for task in question["tasks"]]
        self.counts = [task["tasks"] for task in question["tasks"]]
        if emptied:
            gone = set()
            for run in others:
                if not run.get("ending"):
                    gone |= carried(run["task"], run["tags"])
            for task in self.tasks:
                task.biases = [
                    one for one in task.biases if one.word != "always" or one.tag not in gone
                ]
        at = {task["name"]: index for index, task in enumerate(question["tasks"])}
        self.fixed, self.before = [], []
        self.runs = defaultdict(int)
        for run in running:
            own = run["topology"] == OWN and not run.get("ending")
            if not run.get("ending"):
                self.before.append(Party(run))
            if not own:
                self.fixed.append(Party(run))
            elif run["task"] in at:
                self.runs[at[run["task"]], run["host"]] += 1
        self.max_moves = None if emptied else question.get("max_moves", 0)
        self.hosts = sorted({*self.known, *(host for _, host in self.runs),
                             *(one.host for one in self.fixed), *(one.host for one in self.before)})

    def value(self, host, name):
        """What a known host has as an attribute."""
        return self.known.get(host, {}).get("attributes", {}).get(name)

    def places(self, domain):
        """The groups of hosts that a domain makes."""
        if domain is None or self.forgets == "domains":
            return [[host] for host in self.hosts]
        groups, alone = defaultdict(list), []
        for host in self.hosts:
            value = self.value(host, domain)
            if value is None:
                alone.append([host])
            else:
                groups[value].append(host)
        return list(groups.values()) + alone


class Model:
    def __init__(self, scene):
        self.scene, self.model, self.points = scene, cp_model.CpModel(), []
        self.most = {}
        self.x = {}
        for task, count in enumerate(scene.counts):
            for host in scene.hosts:
                most = min(count, self.room(task, host))
                self.most[task, host] = most
                if most:
                    self.x[task, host] = self.model.new_int_var(0, most, "")
            self.model.add(sum(self.on(task, scene.hosts)) == count)
        self.fresh = {}
        self.sums = {}
        for host in scene.known:
            self.capacity(host)
            self.ports(host)
        for task, party in enumerate(scene.tasks):
            for bias in party.biases:
                self.given_bias(task, bias)
        for party in scene.fixed:
            for bias in party.biases:
                self.fixed_bias(party, bias)
        self.count_moves()

    def room(self, task, host):
        """How many of a task one host could bear, if it bore nothing else."""
        scene = self.scene
        runs = scene.runs.get((task, host), 0)
        if host not in scene.known:
            return runs
        has = capacity(scene.known[host])
        fits = [have // need for have, need in zip(has, scene.tasks[task].need) if need]
        if scene.forgets == "room":
            fits = []
        return max(runs, min(fits, default=scene.counts[task]))

    def on(self, task, hosts):
        return [self.x[task, host] for host in hosts if (task, host) in self.x]

    def is_fresh(self, host):
        """Whether anything comes to a host that does not run there."""
        if host not in self.fresh:
            fresh = self.fresh[host] = self.model.new_bool_var("")
            for task in range(len(self.scene.tasks)):
                self.stays(task, host, fresh)
        return self.fresh[host]

    def stays(self, task, host, fresh):
        if (task, host) in self.x:
            runs = self.scene.runs.get((task, host), 0)
            self.model.add(self.x[task, host] <= runs).only_enforce_if(~fresh)

    def capacity(self, host):
        if self.scene.forgets == "room":
            return
        fixed = [one for one in self.scene.fixed if one.host == host]
        bare = not fixed and not any(host == at for _, at in self.scene.runs)
        for which, has in enumerate(capacity(self.scene.known[host])):
            used = sum(one.need[which] for one in fixed)
            needs = [(task, party.need[which]) for task, party in enumerate(self.scene.tasks)]
            terms = [need * self.x[task, host] for task, need in needs if (task, host) in self.x]
            within = self.model.add(sum(terms) + used <= has)
            if not bare:
                within.only_enforce_if(self.is_fresh(host))

    def ports(self, host):
        """A port has one user, unless all of them were there before."""
        scene = self.scene
        offered = scene.known[host]["resources"]["ports"]
        numbers = {port for task in scene.tasks for port in task.fixed_ports}
        for port in numbers if scene.forgets != "ports" else ():
            users = [task for task, party in enumerate(scene.tasks) if port in party.fixed_ports]
            terms = [one for task in users for one in self.on(task, [host])]
            if not terms:
                continue
            if not any(first <= port <= last for first, last in offered):
                self.model.add(sum(terms) == 0)
                continue
            others = sum(1 for one in scene.fixed if one.host == host and port in one.fixed_ports)
            fresh = self.model.new_bool_var("")
            for task in users:
                self.stays(task, host, fresh)
            self.model.add(sum(terms) + others <= 1).only_enforce_if(fresh)

    def carriers(self, tag, place, living):
        """How many in a place carry a tag: a sum, the most it can be, and what is always there."""
        key = (tag, place[0], len(place), living)
        if key not in self.sums:
            terms, most = [], 0
            for task, party in enumerate(self.scene.tasks):
                if tag in party.tags:
                    terms += self.on(task, place)
                    most += min(self.scene.counts[task], sum(self.most[task, one] for one in place))
            there = sum(1 for one in self.scene.fixed
                        if one.host in place and tag in one.tags and not (living and one.ending))
            self.sums[key] = (sum(terms) + there, most + there, there)
        return self.sums[key]

    def some(self, terms):
        """A truth that has to be where any of the terms is more than nothing."""
        some = self.model.new_bool_var("")
        for term in terms:
            self.model.add(term == 0).only_enforce_if(~some)
        return some

    def given_bias(self, task, bias):
        if bias.attribute:
            return self.attribute(task, bias)
        if self.scene.forgets == bias.word:
            return None
        itself = 1 if bias.tag in self.scene.tasks[task].tags else 0
        if self.scene.forgets == "itself":
            itself = 0
        for place in self.scene.places(bias.domain):
            terms = self.on(task, place)
            if not terms:
                continue
            count, most, _ = self.carriers(bias.tag, place, bias.word != "never")
            if bias.word == "never":
                self.never(terms, count, most, itself)
            elif bias.word == "always":
                self.always(terms, count, itself, bias, place)
            else:
                holders = (sum(terms), sum(self.most[task, host] for host in place))
                self.soft(holders, (count, most), itself, bias)
        return None

    def attribute(self, task, bias):
        if self.scene.forgets == "attributes":
            return
        for host in self.scene.known:
            for term in self.on(task, [host]):
                value = self.scene.value(host, bias.name)
                has = value is not None if bias.value is None else value == bias.value
                if (bias.word == "always" and not has) or (bias.word == "never" and has):
                    self.model.add(term == 0)
                elif has and bias.word in ("prefer", "avoid"):
                    self.points.append(term * (bias.weight if bias.word == "prefer" else -bias.weight))

    def never(self, terms, count, most, itself):
        if most > itself:
            self.model.add(count <= itself).only_enforce_if(self.some(terms))

    def always(self, terms, count, itself, bias, place):
        known = place[0] in self.scene.known
        if bias.domain is None or (known and self.scene.value(place[0], bias.domain) is not None):
            self.model.add(count >= 1 + itself).only_enforce_if(self.some(terms))
        elif known:
            # Without the attribute there is no such place.
            self.model.add(sum(terms) == 0)

    def soft(self, holders, carriers, itself, bias):
        """Some in one place say so, where some carry the tag: each a sum, and the most it can be."""
        (holding, most_holding), (count, most) = holders, carriers
        if most == 0:
            return
        if bias.word == "prefer":
            met = self.model.new_bool_var("")
            self.model.add(count >= 1 + itself).only_enforce_if(met)
            gain = self.model.new_int_var(0, most_holding, "")
            self.model.add(gain <= holding)
            self.model.add(gain == 0).only_enforce_if(~met)
            self.points.append(bias.weight * gain)
        elif bias.word == "avoid":
            own = self.model.new_int_var(0, most_holding, "")
            there = self.model.new_int_var(-itself, most, "")
            self.model.add(own == holding)
            self.model.add(there == count - itself)
            pairs = self.model.new_int_var(-most_holding, most_holding * most, "")
            self.model.add_multiplication_equality(pairs, [own, there])
            self.points.append(-bias.weight * pairs)

    def fixed_bias(self, party, bias):
        scene = self.scene
        if bias.attribute:
            if not party.ending and party.host in scene.known:
                value = scene.value(party.host, bias.name)
                has = value is not None if bias.value is None else value == bias.value
                sign = {"prefer": 1, "avoid": -1}.get(bias.word, 0) * has
                self.points.append(sign * bias.weight)
            return
        if scene.forgets == bias.word:
            return
        place = next(one for one in scene.places(bias.domain) if party.host in one)
        itself = 1 if bias.tag in party.tags else 0
        if bias.word == "never":
            for task, other in enumerate(scene.tasks):
                if bias.tag in other.tags:
                    for term in self.on(task, place):
                        self.model.add(term == 0)
        elif bias.word == "always" and not party.ending:
            there = bias.domain is None or scene.value(party.host, bias.domain) is not None
            stood = sum(1 for one in scene.before if one.host in place and bias.tag in one.tags)
            if there and stood > itself:
                count, _, _ = self.carriers(bias.tag, place, True)
                self.model.add(count >= 1 + itself)
        elif not party.ending:
            count, most, _ = self.carriers(bias.tag, place, True)
            self.soft((1, 1), (count, most), itself, bias)

    def count_moves(self):
        scene = self.scene
        stay, all_moves = [], 0
        for task, count in enumerate(scene.counts):
            here = {host: runs for (at, host), runs in scene.runs.items() if at == task}
            all_moves += min(count, sum(here.values()))
            for host, runs in here.items():
                for term in self.on(task, [host]):
                    kept = self.model.new_int_var(0, runs, "")
                    self.model.add(kept <= term)
                    stay.append(kept)
        self.moves = all_moves - sum(stay)
        if scene.max_moves is not None and scene.forgets != "moves":
            self.model.add(self.moves <= scene.max_moves)


def capacity(host):
    resources = host["resources"]
    ports = {port for first, last in resources["ports"] for port in range(first, last + 1)}
    return [resources[size] for size in SIZES] + [len(ports)]


class First(cp_model.CpSolverSolutionCallback):
    """Remembers when the first solution came."""

    def __init__(self, begin):
        super().__init__()
        self.begin, self.ms = begin, None

    def on_solution_callback(self):
        if self.ms is None:
            self.ms = since(self.begin)


def since(begin):
    return (time.perf_counter() - begin) * 1e3


def solve(model, seconds, callback=None):
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_time_in_seconds = seconds
    return solver, solver.solve(model, callback)


def answer(question):
    begin = time.perf_counter()
    seconds = question.get("seconds", 60)
    made = Model(Scene(question))
    points = sum(made.points)
    said = {"made_ms": since(begin)}
    if question.get("running"):
        made.model.minimize(made.moves)
        solver, status = solve(made.model, seconds)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            said["moves"] = round(solver.objective_value)
        made.model.clear_objective()
    if question.get("points"):
        made.model.maximize(points)
    begin = time.perf_counter()
    first = First(begin)
    solver, status = solve(made.model, seconds, first)
    if status == cp_model.MODEL_INVALID:
        raise ValueError(made.model.validate())
    verdict = {cp_model.OPTIMAL: "feasible", cp_model.FEASIBLE: "feasible",
               cp_model.INFEASIBLE: "infeasible"}.get(status, "unknown")
    said |= {"verdict": verdict, "ms": since(begin), "first_ms": first.ms}
    if question.get("points") and verdict == "feasible":
        said["optimal"] = status == cp_model.OPTIMAL
        said["points"] = round(solver.objective_value)
        said["bound"] = round(solver.best_objective_bound)
    return said


def main(questions, answers):
    with open(questions, encoding="utf-8") as asked, open(answers, "w", encoding="utf-8") as told:
        for line in asked:
            told.write(json.dumps(answer(json.loads(line))) + "\n")
            told.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
