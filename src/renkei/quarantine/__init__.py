"""Records set aside (取込エラー), by cause: how many, since when, what their field holds, what mends it.

Read-only. ``causes`` asks the registry, ``values`` the landed bytes, ``remedy`` the city's declarations.
"""
