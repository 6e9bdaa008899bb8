"""Every option of every command, declared once: frozen dataclasses that need neither Keras nor TensorFlow.

A field made by `option` carries its type, default, help, choices, range, flag and former names. The parser
(`parser`), the checks and the JSON (`option`), the requirements on paths (`places`) and the ablation's grid all
read that field.
"""
