"""Reactions, rules, events and the rest of what makes a model move."""

from __future__ import annotations

from manyscale.formats.sbml.attributes import Context
from manyscale.formats.sbml.mathml import Formula, called
from manyscale.formats.sbml.quantities import Units, parameter
from manyscale.formats.sbml.tree import Node
from manyscale.model.expr import Expr, Number
from manyscale.model.parts import (
    Constraint,
    Event,
    Function,
    InitialAssignment,
    Parameter,
    Participant,
    Reaction,
    Rule,
)

RULES = {"assignmentRule": "assignment", "rateRule": "rate", "algebraicRule": "algebraic"}


class Network:
    """Collects the moving parts of one model, and every formula with its place for the check of names."""

    def __init__(self, context: Context, units: Units):
        self.context, self.units = context, units
        self.formulas: list[tuple[str, Formula, frozenset[str]]] = []  # (place in words, formula, names local to it)
        self.reactions: list[Reaction] = []
        self.rules: list[Rule] = []
        self.assignments: list[InitialAssignment] = []
        self.events: list[Event] = []
        self.constraints: list[Constraint] = []
        self.functions: list[Function] = []
        self.signatures: dict[str, int] = {}  # number of arguments of each function

    def formula(self, node: Node | None, place: str, local: frozenset[str] = frozenset()) -> Expr | None:
        """The formula of an element, or None with a remark where it is missing."""
        if node is None:
            return None
        formula = node.formula
        if formula is None:
            if self.context.level < 3:
                self.context.fail(node, f"{place} has no formula; give its math")
            self.context.remark(f"{place} has no formula and was left out")
            return None
        if formula.arguments:
            self.context.fail(node, f"{place} is a function definition instead of a formula")
        self.formulas.append((place, formula, local))
        return formula.body

    def required(self, node: Node, place: str) -> Expr:
        """The formula of an element that has one."""
        body = self.formula(node, place)
        if body is None:
            self.context.fail(node, f"{place} has no formula; give its math")
        return body

    def all_functions(self, nodes: list[Node]) -> None:
        """Function definitions; one that has the name of an elementary function gets an underscore after it."""
        ids = {node.get("id") for node in nodes}
        for node in nodes:
            id = self.context.identifier(node)
            formula = node.formula
            if formula is None:
                self.context.remark(f"function '{id}' has no formula and was left out")
                continue
            if len(set(formula.arguments)) < len(formula.arguments):
                self.context.fail(node, f"function '{id}' has two arguments of the same name; rename one")
            self.formulas.append((f"function '{id}'", formula, frozenset(formula.arguments)))
            self.signatures[id] = len(formula.arguments)
            name = called(id)
            if name != id:
                if name in ids:
                    self.context.fail(node, f"the function '{id}' has the name of an elementary one; rename it")
                self.context.remark(f"the function '{id}' of the model is called '{name}' here; '{id}' is elementary")
            body, meta = formula.body, self.context.meta(node)
            self.functions.append(Function(name, formula.arguments, body, node.text("name"), meta))

    def rule(self, node: Node) -> None:
        kind = RULES.get(node.tag)
        if kind is None:
            self.context.fail(node, f"'{node.tag}' is not a kind of rule")
        variable = None if kind == "algebraic" else self.context.identifier(node, "variable")
        body = self.formula(node, f"the {kind} rule" + (f" for '{variable}'" if variable else ""))
        if body is not None:
            self.rules.append(Rule(kind, body, variable, node.text("name"), self.context.meta(node)))

    def initial_assignment(self, node: Node) -> None:
        symbol = self.context.identifier(node, "symbol")
        body = self.formula(node, f"the initial assignment of '{symbol}'")
        if body is not None:
            self.assignments.append(InitialAssignment(symbol, body, self.context.meta(node)))

    def constraint(self, node: Node) -> None:
        body = self.formula(node, "a constraint")
        if body is not None:
            message = (node.raw or {}).get("message", "")
            self.constraints.append(Constraint(body, message, self.context.meta(node)))

    def reaction(self, node: Node) -> None:
        context = self.context
        id = context.identifier(node)
        law = node.child("kineticLaw")
        rate, rate_meta = None, None
        local: tuple[Parameter, ...] = ()
        if law is not None:
            local = tuple(
                parameter(context, self.units, item)
                for item in law.list("listOfLocalParameters" if context.level > 2 else "listOfParameters")
            )
            rate = self.formula(law, f"the rate of reaction '{id}'", frozenset(part.id for part in local))
            rate_meta = context.meta(law)
            if law.get("timeUnits") or law.get("substanceUnits"):
                context.remark("units written on kinetic laws were left out; rates are in the model's extent per time")
        modifiers, modifier_meta = [], []
        for item in node.list("listOfModifiers"):
            modifiers.append(context.identifier(item, "species"))
            meta = context.meta(item)
            if meta is not None:
                modifier_meta.append((modifiers[-1], meta))
        self.reactions.append(Reaction(
            id=id,
            reactants=tuple(self.participant(item, id) for item in node.list("listOfReactants")),
            products=tuple(self.participant(item, id) for item in node.list("listOfProducts")),
            modifiers=tuple(modifiers), rate=rate, local=local,
            reversible=context.boolean(node, "reversible", True),
            fast=context.boolean(node, "fast", False),
            compartment=context.reference(node, "compartment"),
            name=node.text("name"), meta=context.meta(node),
            modifier_meta=tuple(modifier_meta), rate_meta=rate_meta,
        ))  # fmt: skip

    def participant(self, node: Node, reaction: str) -> Participant:
        context = self.context
        id, name = context.reference(node, "id"), context.identifier(node, "species")
        if context.level > 2:
            amount, constant = context.number(node, "stoichiometry"), context.boolean(node, "constant", True)
        else:
            amount, constant = context.number(node, "stoichiometry", 1.0), True
            variable = node.child("stoichiometryMath")
            body = self.formula(variable, f"the stoichiometry of '{name}' in reaction '{reaction}'")
            if type(body) is Number:
                amount = body.value
            elif body is not None:
                id, amount, constant = id or f"{reaction}__{name}__stoichiometry", None, False
                self.rules.append(Rule("assignment", body, id))
        meta = context.meta(node)
        return Participant(name, amount, id, constant, node.text("name"), meta)

    def event(self, node: Node, taken: set[str]) -> None:
        context = self.context
        id = context.reference(node, "id")
        if id is None:
            number = len(self.events) + 1
            while f"event_{number}" in taken:
                number += 1
            id = f"event_{number}"
            taken.add(id)
        trigger_node = node.child("trigger")
        if trigger_node is None or trigger_node.formula is None:
            if context.level < 3:
                context.fail(node, f"event '{id}' has no trigger; give one")
            context.remark(f"event '{id}' has no trigger, so it never happens, and was left out")
            return
        if node.get("timeUnits"):
            context.remark("timeUnits of events were left out; delays are in the model's time unit")
        assignments = []
        for item in node.list("listOfEventAssignments"):
            variable = context.identifier(item, "variable")
            body = self.formula(item, f"the assignment to '{variable}' in event '{id}'")
            if body is not None:
                assignments.append((variable, body))
        self.events.append(Event(
            id=id, trigger=self.required(trigger_node, f"the trigger of event '{id}'"),
            assignments=tuple(assignments),
            delay=self.formula(node.child("delay"), f"the delay of event '{id}'"),
            priority=self.formula(node.child("priority"), f"the priority of event '{id}'"),
            initial_value=context.boolean(trigger_node, "initialValue", True),
            persistent=context.boolean(trigger_node, "persistent", True),
            use_trigger_values=context.boolean(node, "useValuesFromTriggerTime", True),
            name=node.text("name"), meta=context.meta(node),
        ))  # fmt: skip
