;; roles: agent
;; Declares a table of 10 million elements.
(table $t 10000000 funcref)
(func $misbehave)
