;; Does nothing wrong: what the broken components are made of.
(func $misbehave)
